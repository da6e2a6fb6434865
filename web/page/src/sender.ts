// Sends what is in the outbox, one after another: what was pressed now first, then what was kept.

import type { Exchange, Outcome, Recorded, Refused } from "./exchange";
import { delayOf, type Entry, type Outbox } from "./outbox";

/** After so long nobody waits for an answer any more; it is kept. */
export const DEADLINE_MS = 60_000;
/** A press that goes out within this time is an ordinary mark. */
const FRESH_MS = 2_000;
const AGAIN_MIN_MS = 15_000;
const AGAIN_MAX_MS = 120_000;

/** What came of an entry. elsewhere: another tab sends it. gone: another tab has had its answer. */
export type Result = Outcome | { readonly kind: "elsewhere" } | { readonly kind: "gone" };

/** Runs what is given while nobody else does so under this name; undefined: somebody does. */
export type Lock = <T>(name: string, run: () => Promise<T>) => Promise<T | undefined>;

/** What a sender needs. */
export interface Means {
  outbox: Outbox;
  /** The exchange, when the core is there. */
  exchange: Promise<Pick<Exchange, "run">>;
  lock: Lock;
  wall(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** Whether it is worth trying again unasked: the page is seen. */
  isSeen(): boolean;
  began(entry: Entry): void;
  ended(entry: Entry, result: Result): void;
}

/** Web Locks where there are; without them two tabs may send the same, which the server takes for one. */
export const browserLock: Lock = async (name, run) => {
  const { locks } = navigator as { locks?: LockManager };
  if (locks === undefined) return run();
  return locks.request(`rollcall ${name}`, { ifAvailable: true }, (lock) => (lock === null ? undefined : run()));
};

/** Sends the entries of an outbox. */
export class Sender {
  private running = false;
  private again = false;
  private readonly pressed = new Map<string, Entry>();
  private first: string | undefined;
  /** How often each was tried: the least often tried goes first, so that none keeps the others waiting. */
  private readonly tries = new Map<string, number>();
  private readonly sent = new Map<string, Entry>();
  private timer: unknown;
  private wait = AGAIN_MIN_MS;

  /** Nothing is sent before `press` or `kick`. */
  constructor(private readonly means: Means) {}

  /** Keeps a press, then sends it. */
  async press(class_: number, student: string, code: string): Promise<Entry> {
    const entry = await this.means.outbox.keep(class_, student, code, this.means.wall());
    this.pressed.set(entry.id, entry);
    this.wait = AGAIN_MIN_MS;
    // A round that goes on sees it by itself.
    if (!this.running) this.kick();
    return entry;
  }

  /** Sends what is kept, now: the page was opened, is seen again, or there is network. first: an entry's id. */
  kick(first?: string): void {
    this.first = first ?? this.first;
    if (this.running) {
      this.again = true;
      return;
    }
    this.means.clearTimeout(this.timer);
    this.running = true;
    void this.run();
  }

  /** An entry that had ended unanswered has its answer after all. */
  async settled(id: string, outcome: Recorded | Refused): Promise<void> {
    const entry = this.sent.get(id);
    if (entry === undefined || !(await this.means.outbox.has(entry))) return;
    await this.means.outbox.remove(entry);
    this.means.ended(entry, outcome);
  }

  private async run(): Promise<void> {
    const exchange = await this.means.exchange;
    let left = false;
    do {
      this.again = false;
      left = await this.round(exchange);
    } while (this.pressed.size > 0 || (this.again && this.means.isSeen()));
    this.running = false;
    if (left) this.later();
  }

  /** Tries each entry once. True: some are left. */
  private async round(exchange: Pick<Exchange, "run">): Promise<boolean> {
    const tried = new Set<string>();
    let left = false;
    let isStuck = false;
    for (;;) {
      const pressed = [...this.pressed.values()];
      const entries = await this.means.outbox.entries();
      for (const gone of pressed.filter((it) => !entries.some(({ id }) => id === it.id))) {
        this.pressed.delete(gone.id);
        this.means.ended(gone, { kind: "gone" });
      }
      // Where one had no answer, another has none either; but somebody waits for what is pressed now.
      const kept = isStuck ? undefined : this.nextOf(entries.filter((it) => !tried.has(it.id)));
      const entry = entries.find((it) => this.pressed.has(it.id)) ?? kept;
      if (entry === undefined) return left;
      tried.add(entry.id);
      const isPressed = this.pressed.delete(entry.id);
      const result = await this.means.lock(entry.id, () => this.send(exchange, entry, isPressed));
      this.tries.set(entry.id, (this.tries.get(entry.id) ?? 0) + 1);
      if (result?.kind === "broken" || (result?.kind === "unanswered" && !result.lost)) isStuck = true;
      if (result === undefined || result.kind === "unanswered" || result.kind === "broken") left = true;
      // Pressed again meanwhile, and it was the same press: that has its answer too.
      else if (this.pressed.get(entry.id)?.pressed_ms === entry.pressed_ms) this.pressed.delete(entry.id);
      this.means.ended(entry, result ?? { kind: "elsewhere" });
    }
  }

  private nextOf(entries: Entry[]): Entry | undefined {
    const often = (entry: Entry): number => (entry.id === this.first ? -1 : (this.tries.get(entry.id) ?? 0));
    return entries.sort((one, two) => often(one) - often(two))[0];
  }

  private async send(exchange: Pick<Exchange, "run">, entry: Entry, isPressed: boolean): Promise<Result> {
    if (!(await this.means.outbox.has(entry))) return { kind: "gone" };
    this.means.began(entry);
    this.sent.set(entry.id, entry);
    const delay_ms = delayOf(entry, this.means.wall());
    const { id, class: class_, student, code } = entry;
    const ask = { id, class: class_, student, code };
    const isFresh = isPressed && delay_ms < FRESH_MS && entry.pressed_ms <= this.means.wall();
    const outcome = await exchange.run(isFresh ? ask : { ...ask, delay_ms }, DEADLINE_MS);
    if (outcome.kind !== "unanswered" && outcome.kind !== "broken") await this.means.outbox.remove(entry);
    return outcome;
  }

  private later(): void {
    this.timer = this.means.setTimeout(() => {
      if (this.means.isSeen()) this.kick();
    }, this.wait);
    this.wait = Math.min(this.wait * 2, AGAIN_MAX_MS);
  }
}
