// What is remembered for convenience only, in localStorage: there at once, before anything is loaded.

/** A remembered text; null: none, or it cannot be had. */
export function recall(name: "student" | "language"): string | null {
  try {
    return localStorage.getItem(`rollcall.${name}`);
  } catch {
    return null;
  }
}

/** Remembers a text, where that can be done. */
export function remember(name: "student" | "language", text: string): void {
  try {
    localStorage.setItem(`rollcall.${name}`, text);
  } catch {
    // Then it is typed again.
  }
}
