// Bundles the tests into a temporary folder and runs them with node's own runner.

import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL("./", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "page-test-"));
const names = (await readdir(here)).filter((it) => it.endsWith(".test.ts"));
await build({
  entryPoints: names.map((it) => join(here, it)),
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: "inline",
  logLevel: "error",
});
const files = names.map((it) => join(folder, it.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
await rm(folder, { recursive: true });
process.exitCode = status ?? 1;
