// Brings the wasm module, over a network that may be bad: as often as it takes.

import type { Phone } from "./core";

/** The module, once it is there. */
export type Core = { Phone: typeof Phone };

const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 15_000;

async function load(attempt: number): Promise<Core> {
  // A browser may remember that an address failed, so each attempt has its own.
  const again = `./core.js?again=${attempt}`;
  const core = (attempt === 0 ? await import("./core.js") : await import(again)) as typeof import("./core");
  await core.default({ module_or_path: attempt === 0 ? "/core_bg.wasm" : `/core_bg.wasm?again=${attempt}` });
  return core;
}

/** Loads the module. failed: it did not come, and is tried again. Undefined: this browser cannot run it. */
export async function loadCore(failed: () => void): Promise<Core | undefined> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await load(attempt);
    } catch (error) {
      // A rule of the browser against wasm does not go away; half a file does, so it is tried again a few times.
      if (error instanceof WebAssembly.CompileError && attempt >= 2) return undefined;
      failed();
    }
    const wait = Math.min(WAIT_MIN_MS * 2 ** Math.min(attempt, 6), WAIT_MAX_MS);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(go, wait);
      function go(): void {
        clearTimeout(timer);
        window.removeEventListener("online", go);
        resolve();
      }
      window.addEventListener("online", go);
    });
  }
}
