import assert from "node:assert/strict";
import { test } from "node:test";
import { Exchange, type Job, type Outcome } from "../src/exchange";
import { BAD, bench, GOOD, response, settle } from "./fakes";

const JOB: Job = { id: "one", class: 3030, student: "10", code: "204137" };

function begin() {
  const it = bench();
  return { ...it, exchange: new Exchange(it.asPhone, it.around, it.listener) };
}

test("a press is one request, and its answer ends it", async () => {
  const { exchange, network, phone, told } = begin();
  network.answer = () => response(200, GOOD);
  const outcome = await exchange.run(JOB, 60_000);
  assert.equal(outcome.kind, "recorded");
  assert.deepEqual(phone.calls, [["mark", 3030, "10", "204137", 60_000]]);
  assert.deepEqual(network.urls, ["/d"]);
  const { method, headers, cache, credentials, redirect, body } = network.options[0] as RequestInit;
  assert.deepEqual(
    [method, headers, cache, credentials, redirect],
    ["POST", { "content-type": "application/octet-stream" }, "no-store", "omit", "manual"],
  );
  assert.equal((body as Uint8Array).length, 256);
  assert.deepEqual(told, ["opened"]);
});

test("a kept press tells how long ago it was", async () => {
  const { exchange, network, phone } = begin();
  network.answer = () => response(200, GOOD);
  await exchange.run({ ...JOB, delay_ms: 42_000 }, 60_000);
  assert.deepEqual(phone.calls, [["deliver", 3030, "10", "204137", 42_000, 60_000]]);
});

test("the core repeats, each time is told, and at the deadline it ends with nothing left to wait for", async () => {
  const { exchange, network, clock, told, phone } = begin();
  network.answer = () => "fails";
  let outcome: Outcome | undefined;
  void exchange.run(JOB, 5_000).then((it) => (outcome = it));
  await clock.pass(3_500);
  assert.deepEqual(told, [2, 3, 4]);
  assert.equal(network.urls.length, 4, "one request for each datagram, none of our own");
  await clock.pass(10_000);
  assert.deepEqual(outcome, { kind: "unanswered", lost: false, busy: false });
  const sent = network.urls.length;
  assert.equal(phone.next_timeout(), undefined);
  await clock.pass(600_000);
  assert.equal(network.urls.length, sent);
});

test("never more than four are under way; the oldest makes room", async () => {
  const { exchange, network, clock } = begin();
  void exchange.run(JOB, 60_000);
  await clock.pass(8_500);
  assert.equal(network.urls.length, 9);
  assert.equal(network.most, 4);
  assert.equal(network.aborted, 5);
});

test("a request that nobody answers is given up after ten seconds", async () => {
  const { exchange, network, clock } = begin();
  exchange.connect();
  await clock.pass(9_999);
  assert.equal(network.aborted, 0);
  await clock.pass(1);
  assert.equal(network.aborted, 1);
});

test("two bodies in a row that do not open are a stranger's, until one opens", async () => {
  const { exchange, network, clock, told } = begin();
  network.answer = () => response(200, BAD);
  void exchange.run(JOB, 60_000);
  await settle();
  assert.deepEqual(told, []);
  await clock.pass(1_000);
  assert.deepEqual(told, [2, "portal"]);
  network.answer = () => response(200, GOOD);
  await clock.pass(1_000);
  assert.deepEqual(told, [2, "portal", 3, "none", "opened"]);
});

test("one that opens in between starts the count anew", async () => {
  const { exchange, network, told } = begin();
  for (const body of [BAD, GOOD, BAD]) {
    network.answer = () => response(200, body);
    exchange.connect();
    await settle();
  }
  assert.deepEqual(told, ["opened"]);
});

test("HTML, a redirect and 511 are a stranger's at once; a page of a proxy with an error is not", async () => {
  const redirect = { ...response(0), type: "opaqueredirect", status: 0, headers: new Headers() } as Response;
  for (const answer of [response(200, "<html>", "text/html; charset=utf-8"), redirect, response(302), response(511)]) {
    const { exchange, network, told } = begin();
    network.answer = () => answer;
    exchange.connect();
    await settle();
    assert.deepEqual(told, ["portal"]);
  }
  for (const status of [404, 429, 500, 502, 503, 504]) {
    const { exchange, network, told } = begin();
    network.answer = () => response(status, "<html>", "text/html");
    for (let time = 0; time < 3; time += 1) exchange.connect();
    await settle();
    assert.deepEqual(told, [], String(status));
  }
});

test("504 is silence; for long it is told, until the server answers", async () => {
  const { exchange, network, clock, told } = begin();
  network.answer = () => response(504);
  let outcome: Outcome | undefined;
  void exchange.run(JOB, 60_000).then((it) => (outcome = it));
  await clock.pass(5_500);
  assert.ok(!told.includes("server"));
  await clock.pass(1_000);
  assert.ok(told.includes("server"));
  network.answer = () => response(200, GOOD);
  await clock.pass(1_000);
  assert.equal(outcome?.kind, "recorded");
  assert.deepEqual(told.slice(-2), ["none", "opened"]);
});

test("a long body is not given to the core", async () => {
  const { exchange, network, told } = begin();
  const long = new Uint8Array(100_000);
  long[0] = 1;
  network.answer = () => response(200, long);
  exchange.connect();
  exchange.connect();
  await settle();
  assert.deepEqual(told, ["portal"]);
});

test("what is not well-formed is told by its name, and the next job can run", async () => {
  const { exchange, network } = begin();
  network.answer = () => response(200, GOOD);
  assert.deepEqual(await exchange.run({ ...JOB, student: "bad" }, 60_000), { kind: "unusable", what: "student" });
  assert.equal((await exchange.run(JOB, 60_000)).kind, "recorded");
});

test("one job at a time: the next waits", async () => {
  const { exchange, network, clock, phone } = begin();
  const ends: string[] = [];
  void exchange.run(JOB, 3_000).then((it) => ends.push(`first ${it.kind}`));
  void exchange.run({ ...JOB, id: "two" }, 3_000).then((it) => ends.push(`second ${it.kind}`));
  await clock.pass(2_000);
  assert.equal(phone.calls.length, 1);
  await clock.pass(2_000);
  network.answer = () => response(200, GOOD);
  await clock.pass(2_000);
  assert.deepEqual(ends, ["first unanswered", "second recorded"]);
});

test("a core that fails or never comes to an end, ends the jobs and nothing else is called", async () => {
  for (const failure of ["throws", "endless"]) {
    const { exchange, phone, clock } = begin();
    if (failure === "throws") {
      phone.poll = () => {
        throw new Error("unreachable executed");
      };
    } else phone.poll = () => '{"kind":"retrying","attempt":2}';
    assert.deepEqual(await exchange.run(JOB, 1_000), { kind: "broken" });
    assert.deepEqual(await exchange.run(JOB, 1_000), { kind: "broken" });
    assert.equal(phone.calls.length, 1);
    await clock.pass(10_000);
  }
});

test("an event that this page does not know is passed over", async () => {
  const { exchange, network, phone } = begin();
  phone.events.push({ kind: "nobody_there" }, { kind: "abandoned" }, { kind: "new" });
  network.answer = () => response(200, GOOD);
  assert.equal((await exchange.run(JOB, 60_000)).kind, "recorded");
});

test("an earlier press that is answered after all: the same one has its answer, another one is told", async () => {
  const settled = { kind: "recorded", which: "settled", class: 3030, at_ms: 1, already: false, late: false, unlisted: false };
  for (const id of ["one", "two"]) {
    const { exchange, clock, phone, told, network } = begin();
    void exchange.run(JOB, 1_000);
    await clock.pass(3_000);
    const outcomes: Outcome[] = [];
    void exchange.run({ ...JOB, id, delay_ms: 3_000 }, 60_000).then((it) => outcomes.push(it));
    phone.events.push(settled);
    exchange.wake();
    await settle();
    network.answer = () => response(200, GOOD);
    await clock.pass(2_000);
    assert.equal(outcomes.length, 1);
    const [outcome] = outcomes;
    assert.ok(outcome?.kind === "recorded" && outcome.at_ms === (id === "one" ? 1 : 5));
    assert.deepEqual(
      told.filter((it) => Array.isArray(it)),
      id === "one" ? [] : [["one", "recorded"]],
    );
  }
});

test("a core that wants to be woken at once all the time does not make the page spin", async () => {
  const { exchange, phone, clock } = begin();
  let calls = 0;
  phone.next_timeout = () => 0;
  phone.timeout = () => {
    calls += 1;
  };
  exchange.connect();
  await clock.pass(1_000);
  assert.ok(calls <= 200, String(calls));
});
