import assert from "node:assert/strict";
import { test } from "node:test";
import { classOf, classOfPath, codeOf, keyOfHash, linkOf, looksLikeKey, studentOf } from "../src/link";

const KEY = "a".repeat(60);

test("a class is a number of 32 bits that is not zero", () => {
  assert.equal(classOf("3030"), 3030);
  assert.equal(classOf(" 1 "), 1);
  assert.equal(classOf("4294967295"), 4_294_967_295);
  for (const none of ["0", "4294967296", "", "-1", "1.5", "1e3", "0x10", "99999999999", "a", "٣"]) {
    assert.equal(classOf(none), undefined, none);
  }
});

test("the class stands in the path, with or without a slash at its end", () => {
  assert.equal(classOfPath("/3030"), 3030);
  assert.equal(classOfPath("/3030/"), 3030);
  for (const none of ["/", "", "/3030/4", "/sw.js"]) assert.equal(classOfPath(none), undefined, none);
});

test("the key stands behind the sign, in any letters", () => {
  assert.equal(keyOfHash(`#${KEY.toUpperCase()}`), KEY);
  assert.equal(keyOfHash("#%41b"), "ab");
  for (const none of ["", "#", "#%20"]) assert.equal(keyOfHash(none), undefined, none);
  assert.equal(keyOfHash("#%zz"), "%zz", "what is no escape stays, and is no key");
  assert.ok(looksLikeKey(KEY));
  for (const none of ["a".repeat(51), "a".repeat(121), `${KEY}1`, `${KEY} a`]) assert.ok(!looksLikeKey(none), none);
});

test("a pasted link is taken for this host only, and whole", () => {
  assert.deepEqual(linkOf(` https://h.example/3030#${KEY} `, "h.example"), { key: KEY, class: 3030 });
  assert.deepEqual(linkOf(`https://h.example/#${KEY}`, "h.example"), { key: KEY, class: undefined });
  for (const none of [`https://other.example/3030#${KEY}`, "https://h.example/3030", "3030", `javascript:1#${KEY}`, ""]) {
    assert.equal(linkOf(none, "h.example"), undefined, none);
  }
});

test("a student number stays as it was typed", () => {
  assert.equal(studentOf(" 042191010 "), "042191010", "zeros in front matter");
  assert.equal(studentOf("a/b-1"), "a/b-1");
  assert.equal(studentOf("1".repeat(32)), "1".repeat(32));
  for (const none of ["", "  ", "a b", "é", "1".repeat(33), "a\tb"]) assert.equal(studentOf(none), undefined, none);
});

test("a code is six digits, in groups or not, or nothing", () => {
  assert.equal(codeOf(" 204 137 "), "204137");
  assert.equal(codeOf(""), "");
  for (const none of ["12a456", "1-2345", "٣٣٣٣٣٣", "12345", "1234567"]) assert.equal(codeOf(none), undefined, none);
});
