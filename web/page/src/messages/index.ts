// Which language, and how a text is filled in. The texts themselves are not in the script: the build puts them
// into the HTML, so that they are there with it and the script stays small.

import type { Messages } from "./en";

export type { Messages };

/** The name of a language, as it stands in `lang`. */
export type Language = "en" | "pt-BR";

/** Whether a text names a language of the page. */
export function isLanguage(text: string | null | undefined): text is Language {
  return text === "en" || text === "pt-BR";
}

/** The texts of all languages, from the HTML. */
export function textsOf(page: Document): Readonly<Record<Language, Messages>> {
  return JSON.parse(page.getElementById("texts")?.textContent ?? "") as Record<Language, Messages>;
}

/** The first of the wanted languages that the page speaks. */
export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    if (/^pt\b/i.test(tag)) return "pt-BR";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}

/** Puts values where their names stand in braces. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{([a-z_]+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

const SAME_REASONS: Readonly<Record<string, string>> = { code_limit: "too_many_tries" };

/** What a refusal means and what to do, also for reasons that a newer server has. */
export function reasonText(messages: Messages, reason: string): string {
  const name = `reason_${SAME_REASONS[reason] ?? reason}`;
  if (name !== "reason_unknown" && Object.prototype.hasOwnProperty.call(messages, name)) {
    return messages[name as keyof Messages];
  }
  return fill(messages.reason_unknown, { reason });
}
