// Drives the core: gives it the clocks, wakes it when it wants to be woken, carries its datagrams. What it
// repeats and when is the core's business; nothing is repeated here.

import type { Phone } from "./core";

const AT_ONCE = 4;
const FETCH_MAX_MS = 10_000;
/** The server counts as not reached when the relay has said so for this long. */
const SILENT_MS = 6_000;
/** No body of the server is longer. */
const BODY_MAX_BYTES = 2_048;
// A core that always has something more would hang the page.
const POLLS_MAX = 1_000;
const TIMER_MIN_MS = 5;
const TIMER_MAX_MS = 60_000;
const NOT_WELL_FORMED = ["class", "student", "code"] as const;

/** What is asked, and a name by which its answer is told. */
export interface Job {
  readonly id: string;
  readonly class: number;
  readonly student: string;
  readonly code: string;
  /** Undefined: pressed just now. */
  readonly delay_ms?: number;
}

/** It is on the roll call. */
export interface Recorded {
  readonly kind: "recorded";
  readonly class: number;
  readonly at_ms: number;
  readonly already: boolean;
  readonly late: boolean;
  readonly unlisted: boolean;
}

/** The server says no. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: string;
  readonly at_ms?: number;
}

/** How a job ended. */
export type Outcome =
  | Recorded
  | Refused
  /** lost: it may have been recorded, the server cannot say. */
  | { readonly kind: "unanswered"; readonly lost: boolean; readonly busy: boolean }
  /** The server answered something that answers nothing that was asked. */
  | { readonly kind: "strange" }
  /** It can never be sent as it is. */
  | { readonly kind: "unusable"; readonly what: (typeof NOT_WELL_FORMED)[number] }
  /** The core has failed; a new page is needed. */
  | { readonly kind: "broken" };

/** What is in the way. portal: something answers in the relay's place. server: the relay does not reach it. */
export type Trouble = "none" | "portal" | "server";

/** What an exchange tells while it goes on. */
export interface Listener {
  progress(attempt: number): void;
  trouble(trouble: Trouble): void;
  /** The server has proved that it holds its key. */
  opened(): void;
  /** A job that had ended unanswered, has its answer after all. */
  settled(id: string, outcome: Recorded | Refused): void;
}

/** The clocks, the timers and the network. */
export interface Surroundings {
  now(): number;
  wall(): number;
  fetch(url: string, options: RequestInit): Promise<Response>;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

type Event =
  | { kind: "send" }
  | { kind: "retrying"; attempt: number }
  | ((Recorded | Refused) & { which?: string })
  | { kind: "other"; which?: string }
  | { kind: "unanswered"; attempts: number; lost: boolean; busy: boolean };

/** What a browser gives. */
export function browserSurroundings(): Surroundings {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    fetch: (url, options) => fetch(url, options),
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (timer) => clearTimeout(timer as number),
  };
}

/** One phone and what it has under way: one job at a time. */
export class Exchange {
  private timer: unknown;
  /** The oldest first. */
  private readonly underWay = new Set<AbortController>();
  private current: { job: Job; end: ((outcome: Outcome) => void) | undefined } | undefined;
  /** Ended unanswered; the core asks what became of it before it asks anything else. */
  private earlier: Job | undefined;
  private waiting: (() => void)[] = [];
  private unopened = 0;
  private silentSince: number | undefined;
  private trouble: Trouble = "none";
  private broken = false;

  /** Nothing is sent yet. */
  constructor(
    private readonly phone: Phone,
    private readonly around: Surroundings,
    private readonly listener: Listener,
  ) {}

  /** Says HELLO. */
  connect(): void {
    this.call(() => this.phone.connect(this.around.now(), this.around.wall()));
  }

  /** Asks, until there is an answer or the deadline passes. Waits until the job before is over. */
  async run(job: Job, deadline_ms: number): Promise<Outcome> {
    while (this.current !== undefined) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.broken) return { kind: "broken" };
    return new Promise((resolve) => {
      this.current = { job, end: resolve };
      this.call(() => {
        const [now, wall] = [this.around.now(), this.around.wall()];
        const { class: class_, student, code, delay_ms } = job;
        if (delay_ms === undefined) this.phone.mark(now, wall, class_, student, code, deadline_ms);
        else this.phone.deliver(now, wall, class_, student, code, delay_ms, deadline_ms);
      });
    });
  }

  /** Timers stand still in a page that is not seen: looks at the clock when it is seen again. */
  wake(): void {
    this.call(() => this.phone.timeout(this.around.now(), this.around.wall()));
  }

  /** The device's name. */
  device(): string {
    return this.phone.device();
  }

  /** Every call of the core goes through here: what it wants next, is done. */
  private call(what: () => void): void {
    if (this.broken) return;
    try {
      what();
      this.drain();
    } catch (error) {
      this.failed(error);
    }
    this.arm();
  }

  private failed(error: unknown): void {
    const what = NOT_WELL_FORMED.find((it) => it === error);
    if (what !== undefined) this.end({ kind: "unusable", what });
    else if (error === "busy") this.end({ kind: "unanswered", lost: false, busy: false });
    else {
      this.broken = true;
      this.end({ kind: "broken" });
    }
  }

  private drain(): void {
    for (let polls = 0; polls < POLLS_MAX; polls += 1) {
      const text = this.phone.poll(this.around.now(), this.around.wall());
      if (text === undefined) return;
      this.happened(JSON.parse(text) as Event);
    }
    throw new Error("the core does not come to an end");
  }

  private happened(event: Event): void {
    switch (event.kind) {
      case "send":
        void this.carry(this.phone.take_datagram());
        break;
      case "retrying":
        this.listener.progress(event.attempt);
        break;
      case "recorded":
      case "refused":
        if (event.which === "settled") this.settle(event);
        else this.end(event);
        break;
      case "other":
        if (event.which !== "settled") this.end({ kind: "strange" });
        break;
      case "unanswered":
        // What was never sent, has nothing to be settled.
        if (event.attempts > 0) this.earlier = event.lost ? undefined : this.current?.job;
        this.end({ kind: "unanswered", lost: event.lost, busy: event.busy });
        break;
      default:
      // A newer core tells more than this page knows.
    }
  }

  private settle(outcome: Recorded | Refused): void {
    const { earlier, current } = this;
    this.earlier = undefined;
    if (earlier === undefined) return;
    if (earlier.id !== current?.job.id) {
      this.listener.settled(earlier.id, outcome);
    } else if (outcome.kind === "recorded") {
      // The first press had arrived: that is the answer. What the core now asks again, nobody waits for.
      current.end?.(outcome);
      current.end = undefined;
    }
  }

  private end(outcome: Outcome): void {
    const { current, waiting } = this;
    this.current = undefined;
    this.waiting = [];
    current?.end?.(outcome);
    for (const next of waiting) next();
  }

  private arm(): void {
    this.around.clearTimeout(this.timer);
    if (this.broken) return;
    const next = this.phone.next_timeout();
    if (next === undefined) return;
    // Rounded up, so that the core is not woken too early; never at once, so that the page cannot spin.
    const wait = Math.min(Math.max(Math.ceil(next - this.around.now()), TIMER_MIN_MS), TIMER_MAX_MS);
    this.timer = this.around.setTimeout(() => this.wake(), wait);
  }

  /** One datagram there, and at most one back. Errors are silence. */
  private async carry(datagram: Uint8Array): Promise<void> {
    if (this.underWay.size >= AT_ONCE) {
      // The newest is worth most.
      const [oldest] = this.underWay;
      if (oldest !== undefined) {
        this.underWay.delete(oldest);
        oldest.abort();
      }
    }
    const request = new AbortController();
    this.underWay.add(request);
    const timer = this.around.setTimeout(() => request.abort(), FETCH_MAX_MS);
    try {
      const response = await this.around.fetch("/d", {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: datagram as BodyInit,
        cache: "no-store",
        credentials: "omit",
        // Not followed either; but unlike "error" it can be told from a network that is away.
        redirect: "manual",
        signal: request.signal,
      });
      await this.came(response);
    } catch {
      // Silence.
    } finally {
      this.around.clearTimeout(timer);
      this.underWay.delete(request);
    }
  }

  private async came(response: Response): Promise<void> {
    const { status } = response;
    if (status === 502 || status === 504) return this.silent();
    const isRedirect = response.type === "opaqueredirect" || (status >= 300 && status < 400);
    const isHtml = /^text\/html/i.test(response.headers.get("content-type") ?? "");
    if (isRedirect || status === 511 || (isHtml && status >= 200 && status < 300)) return this.say("portal");
    if (status !== 200) return;
    const body = new Uint8Array(await response.arrayBuffer());
    if (body.length > BODY_MAX_BYTES) return this.stranger();
    this.call(() => {
      if (!this.phone.handle(this.around.now(), this.around.wall(), body)) return this.stranger();
      this.unopened = 0;
      this.silentSince = undefined;
      this.say("none");
      this.listener.opened();
    });
  }

  private stranger(): void {
    this.unopened += 1;
    if (this.unopened >= 2) this.say("portal");
  }

  private silent(): void {
    const now = this.around.now();
    this.silentSince ??= now;
    if (now - this.silentSince >= SILENT_MS && this.trouble === "none") this.say("server");
  }

  private say(trouble: Trouble): void {
    if (this.trouble === trouble) return;
    this.trouble = trouble;
    this.listener.trouble(trouble);
  }
}
