import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fill, languageOf, reasonText } from "../src/messages";
import { en } from "../src/messages/en";
import { ptBR } from "../src/messages/pt-BR";

const placeholders = (text: string): string[] => [...text.matchAll(/\{([a-z_]+)\}/g)].map((it) => it[1] ?? "").sort();

test("both languages have the same texts with the same places to fill in", () => {
  assert.deepEqual(Object.keys(en), Object.keys(ptBR));
  for (const name of Object.keys(en) as (keyof typeof en)[]) {
    assert.deepEqual(placeholders(en[name]), placeholders(ptBR[name]), name);
    for (const text of [en[name], ptBR[name]]) assert.ok(text.trim() === text && text !== "", name);
  }
});

test("every text is used, and what the HTML names is a text", () => {
  const root = process.cwd();
  const html = readFileSync(`${root}/static/index.html`, "utf8");
  const sources = readdirSync(`${root}/src`).filter((it) => it.endsWith(".ts"));
  const all = html + sources.map((it) => readFileSync(`${root}/src/${it}`, "utf8")).join("\n");
  for (const [, name] of html.matchAll(/data-text="([^"]+)"/g)) assert.ok((name ?? "") in en, name);
  for (const name of Object.keys(en)) {
    assert.ok(name.startsWith("reason_") || new RegExp(`["'.]${name}\\b`).test(all), `${name} is used nowhere`);
  }
});

test("texts are filled in, and values are not read as places again", () => {
  assert.equal(fill("{a} and {b} and {c}", { a: "{b}", b: 2 }), "{b} and 2 and {c}");
});

test("a reason that nobody knows is shown by its name", () => {
  assert.equal(reasonText(en, "wrong_code"), en.reason_wrong_code);
  assert.equal(reasonText(en, "code_limit"), en.reason_too_many_tries);
  for (const strange of ["moon_phase", "unknown", "constructor", "__proto__"]) {
    assert.ok(reasonText(ptBR, strange).includes(strange), strange);
  }
});

test("the first wanted language that is spoken is taken", () => {
  assert.equal(languageOf(["de", "pt-PT", "en"]), "pt-BR");
  assert.equal(languageOf(["en-GB", "pt-BR"]), "en");
  assert.equal(languageOf(["fr"]), "en");
  assert.equal(languageOf([]), "en");
});
