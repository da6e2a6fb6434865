import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, Outcome } from "../src/exchange";
import { delayOf, Outbox, type Entry } from "../src/outbox";
import { Sender, type Lock, type Result } from "../src/sender";
import { Store } from "../src/store";
import { Clock, settle } from "./fakes";

const SERVER = "k".repeat(60);
const RECORDED: Outcome = { kind: "recorded", class: 3030, at_ms: 5, already: false, late: false, unlisted: false };
const UNANSWERED: Outcome = { kind: "unanswered", lost: false, busy: false };

function begin(answer: (job: Job) => Promise<Outcome> | Outcome, options: { store?: Store; lock?: Lock } = {}) {
  const clock = new Clock();
  const store = options.store ?? new Store();
  const outbox = new Outbox(store, SERVER);
  const jobs: Job[] = [];
  const ended: [Entry, Result][] = [];
  const seen = { is: true };
  const sender = new Sender({
    outbox,
    exchange: Promise.resolve({
      run: async (job: Job) => {
        jobs.push(job);
        return answer(job);
      },
    }),
    lock: options.lock ?? ((_, run) => run()),
    wall: clock.wall,
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    isSeen: () => seen.is,
    began: () => undefined,
    ended: (entry, result) => ended.push([entry, result]),
  });
  return { clock, store, outbox, sender, jobs, ended, seen, kinds: () => ended.map(([, it]) => it.kind) };
}

test("a press is kept before anything is sent, and taken out after the answer", async () => {
  const kept: number[] = [];
  const it = begin(async () => {
    kept.push((await it.outbox.entries()).length);
    return RECORDED;
  });
  await it.sender.press(3030, "10", "204137");
  await settle();
  assert.deepEqual(kept, [1]);
  assert.deepEqual(await it.outbox.entries(), []);
  assert.deepEqual(it.jobs, [{ id: `${SERVER} 3030 10`, class: 3030, student: "10", code: "204137" }]);
  assert.deepEqual(it.kinds(), ["recorded"]);
});

test("a refusal is an answer too", async () => {
  const it = begin(() => ({ kind: "refused", reason: "too_late" }));
  await it.sender.press(3030, "10", "");
  await settle();
  assert.deepEqual(await it.outbox.entries(), []);
  assert.deepEqual(it.kinds(), ["refused"]);
});

test("without an answer it stays, and is sent on later with how long ago it was", async () => {
  let outcome: Outcome = UNANSWERED;
  const it = begin(() => outcome);
  await it.sender.press(3030, "10", "204137");
  await settle();
  assert.equal((await it.outbox.entries()).length, 1);
  outcome = RECORDED;
  await it.clock.pass(15_000);
  assert.equal(it.jobs.length, 2);
  assert.equal(it.jobs[1]?.delay_ms, 15_000);
  assert.deepEqual(await it.outbox.entries(), []);
  await it.clock.pass(600_000);
  assert.equal(it.jobs.length, 2, "nothing goes on after the answer");
});

test("what a page before this one has kept, is sent when this one opens", async () => {
  const store = new Store();
  await new Outbox(store, SERVER).keep(3030, "10", "204137", 1_800_000_000_000);
  await new Outbox(store, "another server").keep(3030, "10", "204137", 1_800_000_000_000);
  const it = begin(() => RECORDED, { store });
  it.sender.kick();
  await settle();
  assert.deepEqual(
    it.jobs.map((job) => job.delay_ms),
    [1_000],
    "those of this server only",
  );
});

test("a page that is not seen does not try again by itself", async () => {
  const it = begin(() => UNANSWERED);
  await it.sender.press(3030, "10", "");
  await settle();
  it.seen.is = false;
  await it.clock.pass(600_000);
  assert.equal(it.jobs.length, 1);
  it.seen.is = true;
  it.sender.kick();
  await settle();
  assert.equal(it.jobs.length, 2);
});

test("the tries become rarer", async () => {
  const it = begin(() => UNANSWERED);
  await it.sender.press(3030, "10", "");
  await it.clock.pass(3_600_000);
  assert.ok(it.jobs.length > 20 && it.jobs.length < 40, String(it.jobs.length));
});

test("a delay is never negative and never more than the server takes", () => {
  const entry: Entry = { id: "", server: "", class: 1, student: "", code: "", pressed_ms: 10_000 };
  assert.equal(delayOf(entry, 52_000.4), 42_000);
  assert.equal(delayOf(entry, 9_000), 0, "the clock was set back");
  assert.equal(delayOf(entry, 1e15), 4_294_967_295);
});

test("the same press twice is one entry, and stays as early as it was", async () => {
  const outbox = new Outbox(new Store(), SERVER);
  await outbox.keep(3030, "10", "204137", 1_000);
  await outbox.keep(3030, "10", "204137", 9_000);
  assert.deepEqual(
    (await outbox.entries()).map((it) => it.pressed_ms),
    [1_000],
  );
});

test("another code, or the same long after, takes the place of the one before", async () => {
  const outbox = new Outbox(new Store(), SERVER);
  const first = await outbox.keep(3030, "10", "204137", 1_000);
  await outbox.keep(3030, "10", "999999", 9_000);
  const kept = await outbox.entries();
  assert.deepEqual(
    kept.map((it) => [it.code, it.pressed_ms]),
    [["999999", 9_000]],
  );
  await outbox.remove(first);
  assert.equal((await outbox.entries()).length, 1, "the answer to the first press does not take the second out");
  await outbox.keep(3030, "10", "999999", 9_000 + 600_000);
  assert.equal((await outbox.entries())[0]?.pressed_ms, 609_000);
  await outbox.keep(3030, "11", "", 1);
  await outbox.keep(3031, "10", "", 2);
  assert.equal((await outbox.entries()).length, 3, "another number and another class are others");
});

test("pressed again while it is under way: one answer, sent once", async () => {
  let answer: (outcome: Outcome) => void = () => undefined;
  const it = begin(() => new Promise((resolve) => (answer = resolve)));
  await it.sender.press(3030, "10", "204137");
  await settle();
  await it.sender.press(3030, "10", "204137");
  answer(RECORDED);
  await settle();
  assert.equal(it.jobs.length, 1);
  assert.deepEqual(it.kinds(), ["recorded"]);
});

test("what is pressed now goes before what was kept, and is tried though that had no answer", async () => {
  const store = new Store();
  await new Outbox(store, SERVER).keep(1, "old", "", 1);
  await new Outbox(store, SERVER).keep(2, "old", "", 2);
  const it = begin(() => UNANSWERED, { store });
  await it.sender.press(3030, "10", "");
  await settle();
  assert.deepEqual(
    it.jobs.map((job) => job.student),
    ["10"],
    "where one had no answer, the kept ones wait",
  );
});

test("an entry that gets no answer does not keep the others waiting for ever", async () => {
  const store = new Store();
  for (const student of ["a", "b", "c"]) await new Outbox(store, SERVER).keep(1, student, "", student.charCodeAt(0));
  const it = begin((job) => (job.student === "a" ? UNANSWERED : RECORDED), { store });
  it.sender.kick();
  await it.clock.pass(200_000);
  assert.deepEqual(
    (await it.outbox.entries()).map((entry) => entry.student),
    ["a"],
  );
  const lost = begin((job) => (job.student === "a" ? { ...UNANSWERED, lost: true } : RECORDED), {});
  for (const student of ["a", "b"]) await lost.outbox.keep(1, student, "", student.charCodeAt(0));
  lost.sender.kick();
  await settle();
  assert.deepEqual(lost.kinds(), ["unanswered", "recorded"], "the server is there, so the next is sent");
  const asked = begin(() => UNANSWERED, {});
  for (const student of ["a", "b"]) await asked.outbox.keep(1, student, "", student.charCodeAt(0));
  asked.sender.kick(`${SERVER} 1 b`);
  await settle();
  assert.equal(asked.jobs[0]?.student, "b", "the one that somebody waits for goes first");
});

test("two tabs do not send the same entry at the same time", async () => {
  const held = new Set<string>();
  const lock: Lock = async (name, run) => {
    if (held.has(name)) return undefined;
    held.add(name);
    try {
      return await run();
    } finally {
      held.delete(name);
    }
  };
  const store = new Store();
  let answer: (outcome: Outcome) => void = () => undefined;
  const one = begin(() => new Promise((resolve) => (answer = resolve)), { store, lock });
  const two = begin(() => RECORDED, { store, lock });
  await one.sender.press(3030, "10", "");
  await settle();
  two.sender.kick();
  await settle();
  assert.equal(two.jobs.length, 0);
  assert.deepEqual(two.kinds(), ["elsewhere"]);
  answer(RECORDED);
  await settle();
  await two.clock.pass(60_000);
  assert.equal(two.jobs.length, 0, "the other tab has had the answer");
});

test("an entry that had no answer and is answered after all, is taken out and told", async () => {
  const it = begin(() => UNANSWERED);
  const entry = await it.sender.press(3030, "10", "");
  await settle();
  await it.sender.settled(entry.id, RECORDED as never);
  assert.deepEqual(await it.outbox.entries(), []);
  assert.deepEqual(it.kinds(), ["unanswered", "recorded"]);
  await it.sender.settled(entry.id, RECORDED as never);
  assert.equal(it.ended.length, 2);
});

test("what can never be sent is taken out; what a broken core left is not", async () => {
  const bad = begin(() => ({ kind: "unusable", what: "code" }));
  await bad.sender.press(3030, "10", "1");
  await settle();
  assert.deepEqual(await bad.outbox.entries(), []);
  const broken = begin(() => ({ kind: "broken" }));
  await broken.sender.press(3030, "10", "1");
  await settle();
  assert.equal((await broken.outbox.entries()).length, 1);
});

test("a store without a database says so, and a database that fails is opened again, then given up", async () => {
  assert.equal(new Store().durable, false);
  const failing = { transaction: () => { throw new Error("gone"); } } as unknown as IDBDatabase;
  let opened = 0;
  let lost = 0;
  const store = new Store(failing, async () => {
    opened += 1;
    return failing;
  });
  store.onLoss(() => (lost += 1));
  assert.equal(store.durable, true);
  await store.put("settings", "server", "x");
  assert.equal(await store.get("settings", "server"), "x");
  assert.deepEqual([store.durable, opened, lost], [false, 1, 1]);
});
