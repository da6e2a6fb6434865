// What is seen. The whole state is shown anew at each change; texts are set only where they differ, so that a
// screen reader says no more than what is new.

import { fill, reasonText, textsOf, type Language, type Messages } from "./messages";

/** What a receipt says. */
export type Receipt = { readonly class: number; readonly student: string } & (
  | {
      readonly kind: "recorded";
      readonly at_ms: number;
      readonly already: boolean;
      readonly late: boolean;
      readonly unlisted: boolean;
    }
  | { readonly kind: "refused"; readonly reason: string; readonly pressed_ms: number }
  | {
      readonly kind: "kept";
      readonly why: "network" | "server" | "busy" | "portal" | "elsewhere";
      readonly pressed_ms: number;
    }
  | { readonly kind: "unknown"; readonly kept: boolean; readonly pressed_ms: number }
  | { readonly kind: "gone"; readonly pressed_ms: number }
);

/** A field that can be filled in wrongly. */
export type Field = "class" | "student" | "code" | "link";

/** Something that is told beside the form. */
export type Notice = "portal" | "server_silent" | "loading" | "broken" | "offline" | "memory";

/** What an earlier answer came to, told in one line. */
export interface Earlier {
  readonly recorded: boolean;
  readonly class: number;
  readonly student: string;
  readonly time_ms: number;
}

/** Everything that is seen. */
export interface State {
  language: Language;
  class: number | undefined;
  missing: "wasm" | "random" | undefined;
  /** The key is not there, or none; or it is another than before. */
  key: "fine" | "missing" | "bad" | "other";
  activity: { readonly kind: "none" | "preparing" } | { readonly kind: "sending"; readonly attempt: number };
  receipt: Receipt | undefined;
  errors: Partial<Record<Field, boolean>>;
  notices: Set<Notice>;
  earlier: Earlier[];
  device: string | undefined;
  durable: boolean;
  keptCount: number;
}

/** What somebody does. */
export interface Actions {
  press(class_: string, student: string, code: string): void;
  changeClass(): void;
  useLink(text: string): void;
  keepServer(): void;
  changeServer(): void;
  back(): void;
  sendNow(): void;
  language(language: Language): void;
}

const NOTICES: Readonly<Record<Notice, readonly [keyof Messages, keyof Messages]>> = {
  broken: ["broken_heading", "broken_text"],
  portal: ["portal_heading", "portal_text"],
  server_silent: ["server_silent_heading", "server_silent_text"],
  offline: ["offline_heading", "offline_text"],
  loading: ["loading_heading", "loading_text"],
  memory: ["memory_heading", "memory_text"],
};

const KEPT: Readonly<Record<"network" | "server" | "busy" | "portal" | "elsewhere", keyof Messages>> = {
  network: "kept_text",
  server: "kept_server_text",
  busy: "kept_busy_text",
  portal: "kept_portal_text",
  elsewhere: "kept_elsewhere_text",
};

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function write(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** The page's elements. */
export class View {
  private readonly texts = textsOf(document);
  private readonly form = element<HTMLFormElement>("form");
  private readonly press = element<HTMLButtonElement>("press");
  private shown: Receipt | undefined;
  private formats: { language: Language; time: Intl.DateTimeFormat; date: Intl.DateTimeFormat } | undefined;

  /** Listens to the elements. */
  constructor(actions: Actions) {
    element("stuck").remove();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.press.getAttribute("aria-disabled") === "true") return;
      actions.press(this.input("class").value, this.input("student").value, this.input("code").value);
    });
    element("link-form").addEventListener("submit", (event) => {
      event.preventDefault();
      actions.useLink(this.input("link").value);
    });
    const click = (id: string, action: () => void): void => element(id).addEventListener("click", action);
    click("class-change", () => actions.changeClass());
    click("server-keep", () => actions.keepServer());
    click("server-change", () => actions.changeServer());
    click("again", () => actions.back());
    click("send-now", () => actions.sendNow());
    for (const button of this.languageButtons()) {
      button.addEventListener("click", () => actions.language(button.dataset["language"] as Language));
    }
  }

  /** An input's element. */
  input(field: Field): HTMLInputElement {
    return element<HTMLInputElement>(field);
  }

  /** Puts the focus where somebody goes on. */
  focus(id: Field | "press" | "receipt-heading" | "other-server-heading"): void {
    element(id).focus();
  }

  private languageButtons(): NodeListOf<HTMLButtonElement> {
    return document.querySelectorAll<HTMLButtonElement>("#languages button");
  }

  private format(language: Language, ms: number): { time: string; date: string } {
    if (this.formats?.language !== language) {
      this.formats = {
        language,
        time: new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", second: "2-digit" }),
        date: new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
      };
    }
    const { time, date } = this.formats;
    // An answer may come from a server whose clock is nonsense.
    const when = new Date(ms);
    return Number.isNaN(when.getTime()) ? { time: "?", date: "?" } : { time: time.format(when), date: date.format(when) };
  }

  /** Shows a state. */
  show(state: State): void {
    const messages = this.texts[state.language];
    document.documentElement.lang = state.language;
    for (const node of document.querySelectorAll<HTMLElement>("[data-text]")) {
      write(node, messages[node.dataset["text"] as keyof Messages]);
    }
    for (const button of this.languageButtons()) {
      button.setAttribute("aria-pressed", String(button.dataset["language"] === state.language));
    }
    element("languages").setAttribute("aria-label", messages.language);
    if (state.class !== undefined) document.title = fill(messages.title_class, { class: state.class });

    const isBlocked = state.missing !== undefined || state.key !== "fine";
    this.showBlocks(state, messages);
    this.showNotices(state, messages);
    this.form.hidden = isBlocked || state.receipt !== undefined;
    this.showForm(state, messages);
    this.showReceipt(isBlocked ? undefined : state.receipt, state, messages);

    write(element("device"), state.device?.replace(/(.{4})(?=.)/g, "$1 ") ?? messages.about_device_none);
    write(element("kept-count"), fill(messages.about_kept, { count: state.keptCount }));
  }

  private showBlocks(state: State, messages: Messages): void {
    element("missing").hidden = state.missing === undefined;
    if (state.missing !== undefined) {
      write(element("missing-what"), state.missing === "wasm" ? messages.missing_wasm : messages.missing_random);
    }
    const isFound = state.key === "fine" || state.key === "other" || state.missing !== undefined;
    element("no-key").hidden = isFound;
    if (!isFound) write(element("no-key-what"), state.key === "bad" ? messages.key_bad : messages.key_missing);
    element("other-server").hidden = state.key !== "other" || state.missing !== undefined;
  }

  private showNotices(state: State, messages: Messages): void {
    const box = element("notices");
    const told = (Object.keys(NOTICES) as Notice[]).filter((it) => state.notices.has(it));
    const lines = state.earlier.map((it) =>
      fill(it.recorded ? messages.earlier_recorded : messages.earlier_refused, {
        class: it.class,
        student: it.student,
        time: `${this.format(state.language, it.time_ms).date}, ${this.format(state.language, it.time_ms).time}`,
      }),
    );
    const sign = JSON.stringify([state.language, told, lines]);
    if (box.dataset["sign"] === sign) return;
    box.dataset["sign"] = sign;
    box.textContent = "";
    for (const notice of told) {
      const [heading, text] = NOTICES[notice];
      const panel = this.panel(box);
      this.add(panel, "h2", messages[heading]);
      this.add(panel, "p", messages[text]);
      if (notice === "broken") {
        const button = this.add(panel, "button", messages.reload) as HTMLButtonElement;
        button.type = "button";
        button.className = "second";
        button.addEventListener("click", () => location.reload());
      }
    }
    for (const line of lines) this.add(this.panel(box), "p", line);
  }

  private panel(box: HTMLElement): HTMLElement {
    const panel = this.add(box, "div", "");
    panel.className = "notice";
    return panel;
  }

  private add(parent: HTMLElement, tag: string, text: string): HTMLElement {
    const node = document.createElement(tag);
    node.textContent = text;
    parent.appendChild(node);
    return node;
  }

  private showForm(state: State, messages: Messages): void {
    element("class-known").hidden = state.class === undefined;
    element("class-field").hidden = state.class !== undefined;
    if (state.class !== undefined) write(element("class-shown"), fill(messages.class_heading, { class: state.class }));
    const errors: Record<Field, string> = {
      class: messages.error_class,
      student: messages.error_student,
      code: messages.error_code,
      link: fill(messages.error_link, { example: `https://${location.host}/3030#…` }),
    };
    for (const field of Object.keys(errors) as Field[]) {
      const isWrong = state.errors[field] === true;
      const told = element(`${field}-error`);
      told.hidden = !isWrong;
      write(told, isWrong ? errors[field] : "");
      if (isWrong) this.input(field).setAttribute("aria-invalid", "true");
      else this.input(field).removeAttribute("aria-invalid");
    }

    const { activity } = state;
    const isBusy = activity.kind !== "none";
    let text = "";
    if (activity.kind === "preparing") text = messages.preparing;
    else if (activity.kind === "sending") {
      text = activity.attempt > 1 ? fill(messages.sending_again, { attempt: activity.attempt }) : messages.sending;
    }
    // Not "disabled": that would take the focus away.
    this.press.setAttribute("aria-disabled", String(isBusy));
    for (const field of ["class", "student", "code"] as const) this.input(field).readOnly = isBusy;
    write(this.press, isBusy ? text : messages.press);
    write(element("progress"), isBusy ? `${text} ${messages.keep_open}` : "");
  }

  private showReceipt(receipt: Receipt | undefined, state: State, messages: Messages): void {
    const box = element("receipt");
    box.hidden = receipt === undefined;
    element("receipt-buttons").hidden = receipt === undefined;
    const isNew = receipt !== undefined && receipt !== this.shown;
    this.shown = receipt;
    if (receipt === undefined) return;

    const { look, sign, heading, texts } = this.wording(receipt, state, messages);
    const { time, date } = this.format(
      state.language,
      receipt.kind === "recorded" ? receipt.at_ms : receipt.pressed_ms,
    );
    const isRecorded = receipt.kind === "recorded";
    box.dataset["look"] = look;
    write(element("receipt-sign"), sign);
    write(element("receipt-heading"), heading);
    write(element("receipt-time"), isRecorded ? time : "");
    element("receipt-time").hidden = !isRecorded;
    write(element("receipt-class"), fill(messages.receipt_class, { class: receipt.class }));
    const small = [fill(messages.receipt_student, { student: receipt.student })];
    small.push(isRecorded ? date : `${fill(messages.receipt_pressed, { time })}, ${date}`);
    write(element("receipt-small"), small.join(" · "));
    const paragraphs = element("receipt-texts");
    const now = texts.join("\n");
    if (paragraphs.dataset["now"] !== now) {
      paragraphs.dataset["now"] = now;
      paragraphs.textContent = "";
      for (const text of texts) this.add(paragraphs, "p", text);
    }
    write(element("again"), receipt.kind === "refused" ? messages.try_again : messages.back);
    element("send-now").hidden = !(receipt.kind === "kept" || (receipt.kind === "unknown" && receipt.kept));
    element("send-now").setAttribute("aria-disabled", String(state.activity.kind !== "none"));
    if (isNew) {
      window.scrollTo(0, 0);
      this.focus("receipt-heading");
    }
  }

  private wording(
    receipt: Receipt,
    state: State,
    messages: Messages,
  ): { look: string; sign: string; heading: string; texts: string[] } {
    const memory = state.durable ? [] : [messages.kept_memory_text];
    switch (receipt.kind) {
      case "recorded": {
        const texts: string[] = [];
        if (receipt.already) texts.push(messages.recorded_already_text);
        if (receipt.late) texts.push(messages.recorded_late_text);
        if (receipt.unlisted) texts.push(messages.recorded_unlisted_text);
        if (texts.length === 0) texts.push(messages.recorded_text);
        let heading = messages.recorded;
        if (receipt.already) heading = messages.recorded_already;
        if (receipt.late) heading = messages.recorded_late;
        if (receipt.unlisted) heading = messages.recorded_unlisted;
        const isPlain = !receipt.late && !receipt.unlisted;
        return { look: isPlain ? "good" : "warn", sign: isPlain ? "✓" : "✓ !", heading, texts };
      }
      case "refused":
        return { look: "bad", sign: "✕", heading: messages.refused, texts: [reasonText(messages, receipt.reason)] };
      case "kept": {
        const texts = [messages[KEPT[receipt.why]], ...memory, messages.kept_help];
        return { look: "warn", sign: "…", heading: messages.kept, texts };
      }
      case "unknown": {
        const texts = [messages.unknown_text, ...(receipt.kept ? [messages.unknown_kept_text, ...memory] : [])];
        return { look: "warn", sign: "?", heading: messages.unknown, texts };
      }
      case "gone":
        return { look: "warn", sign: "?", heading: messages.unknown, texts: [messages.gone_text] };
    }
  }
}
