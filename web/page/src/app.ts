// Wires the parts together: the address, what is kept, the core, and what is seen.

import { loadCore } from "./core_loader";
import { askToPersist, fresh, secretFor } from "./device";
import { browserSurroundings, Exchange, type Listener, type Trouble } from "./exchange";
import { classOf, classOfPath, codeOf, keyOfHash, linkOf, looksLikeKey, studentOf } from "./link";
import { recall, remember } from "./memo";
import { isLanguage, languageOf } from "./messages";
import { idOf, Outbox, type Entry } from "./outbox";
import { browserLock, Sender, type Result } from "./sender";
import { openStore, type Store } from "./store";
import { View, type Notice, type Receipt, type State } from "./view";

/** What the core takes: half of it for the link, half for the client. */
const SEED_BYTES = 64;
const EARLIER_MAX = 5;

class App {
  private readonly state: State;
  private readonly view: View;
  private store: Store | undefined;
  private outbox: Outbox | undefined;
  private sender: Sender | undefined;
  private exchange: Exchange | undefined;
  private server: string | undefined;
  private trouble: Trouble = "none";
  /** The id of what somebody waits for. */
  private awaited: string | undefined;
  /** Pressed before the database was open. */
  private early: { class: number; student: string; code: string } | undefined;
  private hasAnswered = false;
  private isRemembered = false;

  constructor() {
    const chosen = recall("language");
    this.state = {
      language: isLanguage(chosen) ? chosen : languageOf(navigator.languages ?? [navigator.language]),
      class: classOfPath(location.pathname),
      missing: undefined,
      key: "fine",
      activity: { kind: "none" },
      receipt: undefined,
      errors: {},
      notices: new Set(),
      earlier: [],
      device: undefined,
      durable: true,
      keptCount: 0,
    };
    this.view = new View({
      press: (class_, student, code) => void this.press(class_, student, code),
      changeClass: () => this.changeClass(),
      useLink: (text) => this.useLink(text),
      keepServer: () => void this.keepServer(),
      changeServer: () => void this.changeServer(),
      back: () => this.back(),
      sendNow: () => this.sender?.kick(this.awaited),
      language: (language) => {
        remember("language", language);
        this.change({ language });
      },
    });
    const student = this.view.input("student");
    // Somebody may have typed before the script was there.
    if (student.value === "") student.value = recall("student") ?? "";
  }

  private change(change: Partial<State>): void {
    Object.assign(this.state, change);
    this.view.show(this.state);
  }

  private notice(notice: Notice, isTold: boolean): void {
    if (isTold === this.state.notices.has(notice)) return;
    if (isTold) this.state.notices.add(notice);
    else this.state.notices.delete(notice);
    this.change({});
  }

  /** Opens what is kept, and decides which server it is. */
  async start(): Promise<void> {
    if (typeof WebAssembly !== "object") return this.change({ missing: "wasm" });
    if (typeof crypto !== "object" || typeof crypto.getRandomValues !== "function") {
      return this.change({ missing: "random" });
    }
    this.listen();
    this.notice("offline", navigator.onLine === false);
    const key = keyOfHash(location.hash);
    // Told at once; a key from before is looked for when there is nothing behind the sign.
    this.change({ key: key !== undefined && !looksLikeKey(key) ? "bad" : "fine" });
    if (this.state.key === "bad") return;

    const store = await openStore();
    this.store = store;
    const noDatabase = (): void => {
      this.state.durable = false;
      this.notice("memory", true);
    };
    if (!store.durable) noDatabase();
    store.onLoss(noDatabase);
    const before = await store.get<string>("settings", "server");
    if (key === undefined) {
      if (before === undefined) return this.change({ key: "missing" });
      this.state.class ??= await store.get<number>("settings", "class");
    }
    if (key !== undefined && before !== undefined && key !== before) {
      this.change({ key: "other" });
      return this.view.focus("other-server-heading");
    }
    await this.serve(key ?? (before as string));
  }

  private listen(): void {
    const awake = (): void => {
      this.notice("offline", navigator.onLine === false);
      if (document.visibilityState !== "visible") return;
      this.exchange?.wake();
      // Whoever has signed in to the network comes back to this page: ask whether it opens now.
      if (this.trouble !== "none") this.exchange?.connect();
      this.sender?.kick();
    };
    document.addEventListener("visibilitychange", awake);
    window.addEventListener("pageshow", awake);
    window.addEventListener("online", awake);
    window.addEventListener("offline", () => this.notice("offline", true));
    window.addEventListener("hashchange", () => location.reload());
  }

  /** Speaks to the server with this key, from now on. */
  private async serve(server: string): Promise<void> {
    const store = this.store as Store;
    this.server = server;
    const outbox = new Outbox(store, server);
    this.outbox = outbox;
    const surroundings = browserSurroundings();
    const sender = new Sender({
      ...surroundings,
      outbox,
      exchange: this.connect(store, server),
      lock: browserLock,
      isSeen: () => document.visibilityState === "visible",
      began: (entry) => this.began(entry),
      ended: (entry, result) => void this.ended(entry, result),
    });
    this.sender = sender;
    const kept = await outbox.entries();
    const newest = kept[kept.length - 1];
    this.change({ key: "fine", keptCount: kept.length });
    const { early } = this;
    this.early = undefined;
    if (early !== undefined) return this.send(early.class, early.student, early.code);
    if (newest !== undefined) {
      this.awaited = newest.id;
      this.change({ receipt: this.keptReceipt(newest, "network") });
      sender.kick();
    }
  }

  /** The exchange, once the core is there. Never settles if this browser cannot run it. */
  private async connect(store: Store, server: string): Promise<Exchange> {
    const secret = await secretFor(store, server);
    const core = await loadCore(() => this.notice("loading", true));
    this.notice("loading", false);
    if (core === undefined) {
      this.change({ missing: "wasm" });
      return new Promise(() => undefined);
    }
    const listener: Listener = {
      progress: (attempt) => {
        if (this.state.activity.kind === "sending") this.change({ activity: { kind: "sending", attempt } });
      },
      trouble: (trouble) => {
        this.trouble = trouble;
        this.notice("portal", trouble === "portal");
        this.notice("server_silent", trouble === "server");
      },
      opened: () => void this.rememberServer(),
      settled: (id, outcome) => void this.sender?.settled(id, outcome),
    };
    try {
      const phone = new core.Phone(server, secret, fresh(SEED_BYTES));
      this.exchange = new Exchange(phone, browserSurroundings(), listener);
    } catch (error) {
      if (error === "key") this.change({ key: "bad" });
      else this.notice("broken", true);
      return new Promise(() => undefined);
    }
    this.exchange.connect();
    this.change({ device: this.exchange.device() });
    return this.exchange;
  }

  /** Another server is asked about from now on. Not before it has proved that it is one. */
  private async rememberServer(): Promise<void> {
    if (this.isRemembered || this.server === undefined) return;
    this.isRemembered = true;
    await this.store?.put("settings", "server", this.server);
    if (this.state.class !== undefined) await this.store?.put("settings", "class", this.state.class);
  }

  private async press(classText: string, studentText: string, codeText: string): Promise<void> {
    const class_ = this.state.class ?? classOf(classText);
    const student = studentOf(studentText);
    const code = codeOf(codeText);
    const errors = { class: class_ === undefined, student: student === undefined, code: code === undefined };
    this.change({ errors, earlier: [] });
    if (class_ === undefined || student === undefined || code === undefined) {
      return this.view.focus(errors.class ? "class" : errors.student ? "student" : "code");
    }
    remember("student", student);
    this.change({ class: class_, activity: { kind: "preparing" } });
    this.view.input("student").value = student;
    if (this.sender === undefined) this.early = { class: class_, student, code };
    else await this.send(class_, student, code);
  }

  private async send(class_: number, student: string, code: string): Promise<void> {
    this.change({ activity: { kind: "preparing" } });
    const server = this.server as string;
    this.awaited = idOf(server, class_, student);
    const entry = await (this.sender as Sender).press(class_, student, code);
    // Nobody waits a minute for a network that the phone knows is away; it goes on trying behind the receipt.
    if (navigator.onLine === false && this.state.receipt === undefined && this.state.activity.kind !== "none") {
      this.change({ receipt: this.keptReceipt(entry, "network") });
    }
    await this.store?.put("settings", "class", class_);
    // Without network the first answer of this phone would otherwise not be found by an opening without a key.
    await this.store?.update<string>("settings", "server", (old) => old ?? server);
  }

  private began(entry: Entry): void {
    if (this.awaited === entry.id) this.change({ activity: { kind: "sending", attempt: 1 } });
  }

  private keptReceipt(entry: Entry, why: "network" | "server" | "busy" | "portal" | "elsewhere"): Receipt {
    const { class: class_, student, pressed_ms } = entry;
    return { kind: "kept", why, class: class_, student, pressed_ms };
  }

  private async ended(entry: Entry, result: Result): Promise<void> {
    const { class: class_, student, pressed_ms } = entry;
    const isAwaited = this.awaited === entry.id;
    const keptCount = (await this.outbox?.entries())?.length ?? 0;
    this.change(isAwaited ? { keptCount, activity: { kind: "none" } } : { keptCount });
    if (result.kind === "broken") this.notice("broken", true);
    if (result.kind === "recorded" && !this.hasAnswered) {
      this.hasAnswered = true;
      void askToPersist();
    }
    if (!isAwaited) {
      if (result.kind === "recorded" || result.kind === "refused") {
        const isRecorded = result.kind === "recorded";
        const time_ms = isRecorded ? result.at_ms : pressed_ms;
        const earlier = [...this.state.earlier, { recorded: isRecorded, class: class_, student, time_ms }];
        this.change({ earlier: earlier.slice(-EARLIER_MAX) });
      }
      return;
    }
    if (result.kind === "unusable") {
      this.change({ receipt: undefined, errors: { [result.what]: true } });
      if (result.what === "class") this.change({ class: undefined });
      return this.view.focus(result.what);
    }
    this.receive(this.receiptOf(entry, result));
  }

  private receiptOf(entry: Entry, result: Exclude<Result, { kind: "unusable" }>): Receipt {
    const { class: class_, student, pressed_ms } = entry;
    const head = { class: class_, student, pressed_ms };
    switch (result.kind) {
      case "recorded":
        return { ...result, student };
      case "refused":
        return { kind: "refused", reason: result.reason, ...head };
      case "strange":
        return { kind: "unknown", kept: false, ...head };
      case "gone":
        return { kind: "gone", ...head };
      case "elsewhere":
        return this.keptReceipt(entry, "elsewhere");
      case "unanswered":
        if (result.lost) return { kind: "unknown", kept: true, ...head };
        if (this.trouble === "portal") return this.keptReceipt(entry, "portal");
        if (this.trouble === "server") return this.keptReceipt(entry, "server");
        return this.keptReceipt(entry, result.busy ? "busy" : "network");
      case "broken":
        return this.keptReceipt(entry, "network");
    }
  }

  /** The same receipt again is no news: it does not take the focus from where it is. */
  private receive(receipt: Receipt): void {
    if (JSON.stringify(receipt) === JSON.stringify(this.state.receipt)) return;
    // The code is of no use any more, unless it has to be compared with the one on the screen.
    if (receipt.kind === "recorded") this.view.input("code").value = "";
    this.change({ receipt });
  }

  private back(): void {
    const { receipt } = this.state;
    this.awaited = undefined;
    this.change({ receipt: undefined, activity: { kind: "none" } });
    if (receipt?.kind !== "refused") return this.view.focus("press");
    const code = this.view.input("code");
    if (receipt.reason.includes("code")) {
      code.value = "";
      code.focus();
    } else this.view.focus("student");
  }

  private changeClass(): void {
    const input = this.view.input("class");
    input.value = String(this.state.class ?? "");
    this.change({ class: undefined });
    input.focus();
    input.select();
  }

  private useLink(text: string): void {
    const link = linkOf(text, location.host);
    this.change({ errors: { link: link === undefined } });
    if (link === undefined) return this.view.focus("link");
    history.replaceState(null, "", `/${link.class ?? this.state.class ?? ""}#${link.key}`);
    location.reload();
  }

  private async keepServer(): Promise<void> {
    const before = (await this.store?.get<string>("settings", "server")) as string;
    history.replaceState(null, "", `${location.pathname}#${before}`);
    this.change({ key: "fine" });
    await this.serve(before);
    this.view.focus(this.state.class === undefined ? "class" : "student");
  }

  private async changeServer(): Promise<void> {
    const key = keyOfHash(location.hash) as string;
    // The core has the last word on what is a key, so the one from before is given up when this one has opened.
    this.change({ key: "fine" });
    await this.serve(key);
    this.view.focus(this.state.class === undefined ? "class" : "student");
  }
}

const app = new App();
void app.start();

if ("serviceWorker" in navigator) {
  // The page works without it; it only makes the next opening faster.
  navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}
