// The class and the key of an address: https://HOST/3030#KEY.

const CLASS_MAX = 4_294_967_295;

/** The class that a text of digits names, or undefined. */
export function classOf(text: string): number | undefined {
  const digits = text.trim();
  if (!/^[0-9]{1,10}$/.test(digits)) return undefined;
  const number = Number(digits);
  return number >= 1 && number <= CLASS_MAX ? number : undefined;
}

/** The class in a path, or undefined. */
export function classOfPath(path: string): number | undefined {
  return classOf(path.replace(/^\/+|\/+$/g, ""));
}

/** What stands behind `#`, as the core wants it; undefined: nothing stands there. Whether it is a key, the core says. */
export function keyOfHash(hash: string): string | undefined {
  // Some scanners write letters as %41, and QR codes are often in capital letters.
  const text = hash.replace(/^#/, "").replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  const key = text.trim().toLowerCase();
  return key === "" ? undefined : key;
}

/** Whether a text has the letters of a key. The core also compares its check sum. */
export function looksLikeKey(key: string): boolean {
  return /^[a-z2-7]{52,120}$/.test(key);
}

/** The class and the key of an address that somebody pasted. Its host must be this page's host. */
export function linkOf(text: string, host: string): { key: string; class: number | undefined } | undefined {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return undefined;
  }
  const key = keyOfHash(url.hash);
  if (url.host !== host || key === undefined || !looksLikeKey(key)) return undefined;
  return { key, class: classOfPath(url.pathname) };
}

/** A student number as typed, without the spaces around it; undefined: it is none. */
export function studentOf(text: string): string | undefined {
  const number = text.trim();
  return /^[\x21-\x7e]{1,32}$/.test(number) ? number : undefined;
}

/**
 * A code as typed, without the spaces that group its digits; undefined: it is none. Empty is none to give. The core
 * says so too, but later: a press with half a code must not take the place of one that is kept.
 */
export function codeOf(text: string): string | undefined {
  const code = text.replace(/\s/g, "");
  return /^([0-9]{6})?$/.test(code) ? code : undefined;
}
