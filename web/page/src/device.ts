// The keys of this device: one for each server, so that two servers cannot compare what they know.

import type { Store } from "./store";

const SECRET_BYTES = 32;

/** Fresh random bytes. */
export function fresh(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

/** The secret key for a server: the one that is kept, or a new one. */
export async function secretFor(store: Store, server: string): Promise<Uint8Array> {
  const made = fresh(SECRET_BYTES);
  // One step, so that two tabs that open at once do not become two devices.
  const secret = await store.update<Uint8Array>("devices", server, (old) =>
    old instanceof Uint8Array && old.length === SECRET_BYTES ? old : made,
  );
  return secret ?? made;
}

/** Asks the browser not to forget the key. It may ask the person, so it is asked once something is worth it. */
export async function askToPersist(): Promise<void> {
  try {
    await navigator.storage?.persist?.();
  } catch {
    // Then it may forget.
  }
}
