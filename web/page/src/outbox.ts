// Answers that were pressed and have no answer of the server yet. An entry is there from before the first
// datagram until there is one, so that neither a bad network nor a closed page loses it.

import type { Store } from "./store";

const DELAY_MAX_MS = 4_294_967_295;
/** A second press with the same code is the same press for so long. */
const SAME_PRESS_MS = 600_000;

/** An answer as somebody pressed it. */
export interface Entry {
  readonly id: string;
  readonly server: string;
  readonly class: number;
  readonly student: string;
  readonly code: string;
  readonly pressed_ms: number;
}

/** What names the entry of a class and a number. */
export function idOf(server: string, class_: number, student: string): string {
  return `${server} ${class_} ${student}`;
}

/** How long ago an entry was pressed: what the server can take, never negative (clocks are set back). */
export function delayOf(entry: Entry, wall: number): number {
  return Math.min(Math.max(Math.round(wall - entry.pressed_ms), 0), DELAY_MAX_MS);
}

/** The answers that are kept, of one server. */
export class Outbox {
  /** server: its key. */
  constructor(
    private readonly store: Store,
    private readonly server: string,
  ) {}

  /**
   * Keeps a press. There is one entry for a class and a number: the code belongs to the time of the press, so a
   * press with another code, or long after, takes the place of the one before; the same press again changes
   * nothing, so that who presses twice is not later than who pressed once.
   */
  async keep(class_: number, student: string, code: string, wall: number): Promise<Entry> {
    const id = idOf(this.server, class_, student);
    const pressed: Entry = { id, server: this.server, class: class_, student, code, pressed_ms: wall };
    const kept = await this.store.update<Entry>("outbox", id, (old) =>
      old !== undefined && old.code === code && Math.abs(wall - old.pressed_ms) < SAME_PRESS_MS ? old : pressed,
    );
    return kept ?? pressed;
  }

  /** What is kept, oldest first. */
  async entries(): Promise<Entry[]> {
    const all = await this.store.all<Entry>("outbox");
    return all.filter((it) => it.server === this.server).sort((one, two) => one.pressed_ms - two.pressed_ms);
  }

  /** Whether an entry is still there, as it was. */
  async has(entry: Entry): Promise<boolean> {
    const kept = await this.store.get<Entry>("outbox", entry.id);
    return kept !== undefined && kept.pressed_ms === entry.pressed_ms;
  }

  /** Takes an entry out, unless it was pressed anew since. */
  async remove(entry: Entry): Promise<void> {
    await this.store.update<Entry>("outbox", entry.id, (old) =>
      old !== undefined && old.pressed_ms !== entry.pressed_ms ? old : undefined,
    );
  }
}
