// Which language, and how a text is filled in.

import { en, type Messages } from "./en";
import { ptBR } from "./pt-BR";

export type { Messages };

/** The languages, by the name that stands in `lang`. */
export const LANGUAGES = { en, "pt-BR": ptBR } as const;

/** The name of a language. */
export type Language = keyof typeof LANGUAGES;

/** Whether a text names a language of the page. */
export function isLanguage(text: string | null | undefined): text is Language {
  return text === "en" || text === "pt-BR";
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
