// A core, a network and clocks that do what a test says.

import type { Phone } from "../src/core";
import type { Listener, Surroundings } from "../src/exchange";

/** Time that passes when a test says so, with timers. */
export class Clock {
  now = 1_000;
  wallOffset = 1_800_000_000_000;
  private timers: { at: number; callback: () => void }[] = [];

  setTimeout = (callback: () => void, ms: number): unknown => {
    const timer = { at: this.now + ms, callback };
    this.timers.push(timer);
    return timer;
  };

  clearTimeout = (timer: unknown): void => {
    this.timers = this.timers.filter((it) => it !== timer);
  };

  wall = (): number => this.wallOffset + this.now;

  /** Lets time pass, and everything happen that waits for it. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let turns = 0; ; turns += 1) {
      if (turns > 100_000) throw new Error("it does not end");
      await settle();
      const next = this.timers.filter((it) => it.at <= end).sort((one, two) => one.at - two.at)[0];
      if (next === undefined) break;
      this.now = Math.max(this.now, next.at);
      this.clearTimeout(next);
      next.callback();
    }
    this.now = end;
    await settle();
  }
}

/** Lets all promises come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A core that sends at once and then each second until its deadline, and believes a body that begins with 1. */
export class FakePhone {
  calls: unknown[][] = [];
  events: object[] = [];
  private next: number | undefined;
  private deadline = 0;
  private attempts = 0;
  answer: object = { kind: "recorded", which: "answered", class: 3030, at_ms: 5, already: false, late: false, unlisted: false };

  connect(now: number): void {
    this.calls.push(["connect", now]);
    this.events.push({ kind: "send" });
  }
  mark(now: number, _wall: number, class_: number, student: string, code: string, deadline: number): void {
    this.calls.push(["mark", class_, student, code, deadline]);
    this.begin(now, student, deadline);
  }
  deliver(
    now: number,
    _wall: number,
    class_: number,
    student: string,
    code: string,
    delay: number,
    deadline: number,
  ): void {
    this.calls.push(["deliver", class_, student, code, delay, deadline]);
    this.begin(now, student, deadline);
  }
  private begin(now: number, student: string, deadline: number): void {
    if (student === "bad") throw "student";
    if (this.next !== undefined) throw "busy";
    this.deadline = now + deadline;
    this.attempts = 1;
    this.next = now + 1_000;
    this.events.push({ kind: "send" });
  }
  handle(_now: number, _wall: number, datagram: Uint8Array): boolean {
    if (datagram[0] !== 1) return false;
    if (this.next !== undefined) this.events.push(this.answer);
    this.next = undefined;
    return true;
  }
  timeout(now: number): void {
    if (this.next === undefined || now < this.next) return;
    if (now >= this.deadline) {
      this.next = undefined;
      this.events.push({ kind: "unanswered", attempts: this.attempts, lost: false, busy: false });
      return;
    }
    this.attempts += 1;
    this.next = now + 1_000;
    this.events.push({ kind: "retrying", attempt: this.attempts, left_ms: this.deadline - now }, { kind: "send" });
  }
  next_timeout(): number | undefined {
    return this.next;
  }
  poll(): string | undefined {
    const event = this.events.shift();
    return event === undefined ? undefined : JSON.stringify(event);
  }
  take_datagram(): Uint8Array {
    return new Uint8Array(256);
  }
  device(): string {
    return "0".repeat(32);
  }
  is_ready(): boolean {
    return true;
  }
  free(): void {}
}

/** A response as a browser gives it. */
export function response(status: number, body: Uint8Array | string = "", type = "application/octet-stream"): Response {
  return {
    status,
    type: "basic",
    headers: new Headers({ "content-type": type }),
    arrayBuffer: async () => (typeof body === "string" ? new TextEncoder().encode(body) : body).buffer,
  } as unknown as Response;
}

/** A datagram that the fake core believes. */
export const GOOD = new Uint8Array([1, 2, 3]);
/** One that it does not. */
export const BAD = new Uint8Array([9]);

/** A network that answers what a test says; undefined: never. */
export class Network {
  urls: string[] = [];
  options: RequestInit[] = [];
  atOnce = 0;
  most = 0;
  aborted = 0;
  answer: () => Response | "fails" | undefined = () => undefined;

  fetch = (url: string, options: RequestInit): Promise<Response> => {
    this.urls.push(url);
    this.options.push(options);
    this.atOnce += 1;
    this.most = Math.max(this.most, this.atOnce);
    const answer = this.answer();
    return new Promise<Response>((resolve, reject) => {
      options.signal?.addEventListener("abort", () => {
        this.aborted += 1;
        this.atOnce -= 1;
        reject(new Error("aborted"));
      });
      if (answer === undefined) return;
      this.atOnce -= 1;
      if (answer === "fails") reject(new TypeError("no network"));
      else resolve(answer);
    });
  };
}

/** All that an exchange needs, and what it told. */
export function bench(): {
  phone: FakePhone;
  asPhone: Phone;
  clock: Clock;
  network: Network;
  around: Surroundings;
  listener: Listener;
  told: unknown[];
} {
  const [phone, clock, network, told] = [new FakePhone(), new Clock(), new Network(), [] as unknown[]];
  const around: Surroundings = {
    now: () => clock.now,
    wall: clock.wall,
    fetch: network.fetch,
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
  };
  const listener: Listener = {
    progress: (attempt) => told.push(attempt),
    trouble: (trouble) => told.push(trouble),
    opened: () => told.push("opened"),
    settled: (id, outcome) => told.push([id, outcome.kind]),
  };
  return { phone, asPhone: phone as unknown as Phone, clock, network, around, listener, told };
}
