// What the page needs of the wasm module. All times are in milliseconds; `now` is performance.now(), `wall` is
// Date.now().

/** Loads the wasm module. */
export default function init(input?: { module_or_path: URL | string }): Promise<unknown>;

/** A device and what it asks its server. */
export class Phone {
  /** key: the text behind '#'; secret: 32 bytes, the device's key; seed: fresh random bytes. Throws "key" or "seed". */
  constructor(key: string, secret: Uint8Array, seed: Uint8Array);
  /** Says HELLO. */
  connect(now: number, wall: number): void;
  /** Throws "class", "student", "code" (not well-formed) or "busy" (something is under way). code "" for none. */
  mark(now: number, wall: number, class_: number, student: string, code: string, deadline_ms: number): void;
  /** The same for a press that was kept, so many ms ago. */
  deliver(
    now: number,
    wall: number,
    class_: number,
    student: string,
    code: string,
    delay_ms: number,
    deadline_ms: number,
  ): void;
  /** A body that came with status 200. False: it does not open, it is not from the server. */
  handle(now: number, wall: number, datagram: Uint8Array): boolean;
  timeout(now: number, wall: number): void;
  /** When `timeout` wants to be called, on the clock of `now`; undefined if it need not. */
  next_timeout(): number | undefined;
  /** The next event as JSON, or undefined. After "send" the datagram is given by take_datagram(). */
  poll(now: number, wall: number): string | undefined;
  take_datagram(): Uint8Array;
  /** The device's name, 32 hex digits. */
  device(): string;
  /** Whether the handshake is done. */
  is_ready(): boolean;
  free(): void;
}
