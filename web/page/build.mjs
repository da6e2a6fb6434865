// Writes dist/: everything of the page but core.js and core_bg.wasm. The same sources give the same bytes.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const here = new URL("./", import.meta.url);
const dist = new URL("dist/", here);
const APP_MAX_BYTES = 25_000;

/** The texts of all languages. */
async function texts() {
  const { outputFiles } = await build({
    stdin: {
      contents: 'export { en } from "./en"; export { ptBR } from "./pt-BR";',
      resolveDir: new URL("src/messages", here).pathname,
    },
    bundle: true,
    format: "esm",
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Puts the texts where the HTML names them: English, until the script has found the language; and all, as data. */
function filled(html, { en, ptBR }) {
  const all = JSON.stringify({ en, "pt-BR": ptBR }).replace(/</g, "\\u003c");
  return html.replace("@TEXTS@", () => all).replace(/data-text="([a-z_]+)"([^>]*)><\//g, (_, name, rest) => {
    if (en[name] === undefined) throw new Error(`the HTML names the text ${name}, which is none`);
    return `data-text="${name}"${rest}>${escaped(en[name])}</`;
  });
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  entryPoints: [new URL("src/app.ts", here).pathname],
  outfile: new URL("app.js", dist).pathname,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  charset: "utf8",
  external: ["./core.js"],
  legalComments: "none",
});
const html = await readFile(new URL("static/index.html", here), "utf8");
await writeFile(new URL("index.html", dist), filled(html, await texts()));
for (const name of ["style.css", "manifest.webmanifest", "icon.svg", "icon-192.png", "icon-512.png", "sw.js"]) {
  await cp(new URL(`static/${name}`, here), new URL(name, dist));
}
const size = (await readFile(new URL("app.js", dist))).length;
console.log(`app.js: ${size} bytes`);
if (size > APP_MAX_BYTES) throw new Error(`app.js has more than ${APP_MAX_BYTES} bytes`);
