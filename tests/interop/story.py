"""Plays teacher and student against a real server.

Usage: story.py HOST:PORT story [LOST DOUBLED SEED]
       story.py HOST:PORT open CLASS | mark CLASS STUDENT | status | close CLASS
"""

from __future__ import annotations

import sys
import time
from typing import Any

import rollcall
from lossy import Lossy
from rollcall import Client, Message, NeverSent, OutcomeUnknown

HOUR_MS = 3_600_000
STUDENTS = [f"04{number:07}" for number in range(70)]  # Enough for a sheet of two blocks.


def marks(sheet: dict[str, Any]) -> list[tuple[str, int]]:
    return [(mark["student"], mark["at"]) for mark in sheet["marks"]]


def lesson(client: Client, class_: int) -> None:
    """Open, mark, mark again, a refused mark, status, close, close again, the sheet."""
    opened = client.open(class_)
    assert (opened.kind, opened["class"], opened["already_open"]) == ("OPENED", class_, 0)
    again = client.open(class_)
    assert again["already_open"] == 1 and again["opened_at"] == opened["opened_at"]

    expected = []
    for student in STUDENTS:
        marked = client.mark(class_, student)
        assert (marked["class"], marked["standing"]) == (class_, 0), marked
        expected.append((student, marked["at"]))
    second = client.mark(class_, STUDENTS[7])
    assert (second["standing"], second["at"]) == (1, expected[7][1])
    refused = client.mark(class_ + 1, STUDENTS[0])
    assert (refused["class"], refused["standing"]) == (0, rollcall.STANDING_REFUSED + 1)

    row = {"class": class_, "opened_at": opened["opened_at"], "present": len(STUDENTS)}
    assert row in client.status()

    closed = client.close(class_)
    brief = closed["sheet"]
    assert closed["already_closed"] == 0 and brief["opened_at"] == opened["opened_at"]
    twice = client.close(class_)
    assert twice["already_closed"] == 1 and twice["sheet"] == brief
    assert marks(client.fetch(brief)) == expected
    last = client.last_sheet(class_)
    assert last is not None and marks(last) == expected and last["closed_at"] == brief["closed_at"]

    # Opened again and closed without a mark: the first sheet is still there.
    assert client.open(class_)["already_open"] == 0
    second = client.close(class_)["sheet"]
    assert (brief["number"], second["number"], second["students"]) == (1, 2, 0)
    assert client.history(class_) == [second, brief] == client.history(class_, 102)
    assert client.fetch(second)["marks"] == []

    assert client.last_sheet(class_ + 1) is None
    never = client.close(class_ + 1)
    assert (never.kind, never["reason"]) == ("REFUSED", 2)


def put(student: str, name: str, group: str | None = None) -> dict[str, Any]:
    return {"which": 0, "listed": {"student": student, "name": name, "group": group}}


def reason(answer: Message) -> str:
    """Why something was refused."""
    number = answer["standing"] - rollcall.STANDING_REFUSED if answer.kind == "MARKED" else answer["reason"]
    return rollcall.REASONS[number]


def roster(client: Client, class_: int) -> None:
    """An import in several datagrams, another one that began on what is no longer so, a removal."""
    edits = [put(student, f"Student {place}", "A" if place % 2 else None) for place, student in enumerate(STUDENTS)]
    assert client.roster(class_)["students"] == []
    for place, first in enumerate(range(0, len(edits), 25)):
        told = client.enrol(class_, 0, 7, edits[first : first + 25])
        assert (told.kind, told["version"], told["students"]) == ("ENROLLED", place + 1, min(first + 25, 70)), told
    assert reason(client.enrol(class_, 0, 8, edits[:1])) == "roster_changed"
    gone = client.enrol(class_, 3, 9, [{"which": 1, "student": STUDENTS[69]}, put(STUDENTS[0], "João d'Água")])
    assert (gone["version"], gone["students"]) == (4, 69)
    expected = [edit["listed"] for edit in [put(STUDENTS[0], "João d'Água"), *edits[1:69]]]
    assert client.roster(class_) == {"form": 1, "class": class_, "version": 4, "students": expected}


def attendance(client: Client, class_: int) -> None:
    """A roster, a plan, who is late, who comes without being expected, corrections, revisions, a close taken back."""
    roster(client, class_)
    opened = client.plan(class_, closes_after_s=600, late_after_s=2, lessons=2, title="Redes")
    pressed, late_at = time.monotonic(), opened["opened_at"] + 2_000
    assert opened["already_open"] == 0 and client.plan(class_, lessons=3)["already_open"] == 1
    was: dict[str, str] = dict.fromkeys(STUDENTS[:69], "absent")

    def mark(student: str) -> None:
        told = client.mark(class_, student)
        is_late, is_walk_in = told["at"] >= late_at, student not in STUDENTS[:69]
        assert told["standing"] == {(False, False): 0, (True, False): 2, (False, True): 3, (True, True): 4}[is_late, is_walk_in]
        was[student] = "late" if is_late else "present"

    mark(STUDENTS[0])
    time.sleep(2.1)
    mark(STUDENTS[1])
    mark("walk-in")
    delivered = client.deliver(class_, STUDENTS[2], pressed)
    assert delivered["at"] >= late_at
    was[STUDENTS[2]] = "late" if delivered["standing"] == 2 else "present"
    assert client.deliver(class_, STUDENTS[2], pressed - 3_600)["standing"] == 1
    assert reason(client.deliver(class_, STUDENTS[3], pressed - 3_600)) == "too_late"
    assert client.extend(class_, 60)["closes_at"] == opened["opened_at"] + 660_000

    def correct(student: str, status: str, revision: int, **more: Any) -> None:
        told = client.correct(class_, student, status, **more)
        assert (told.kind, told["revision"]) == ("CORRECTED", revision), told
        before = was.get(student)
        assert told["was"] == (None if before is None else rollcall.STATUSES.index(before)), told
        was[student] = status

    correct(STUDENTS[3], "excused", 0, reason="medical note")
    correct(STUDENTS[1], "absent", 0)
    assert reason(client.mark(class_, STUDENTS[1])) == "taken_back"
    correct("another", "present", 0)
    assert reason(client.correct(class_, "nobody", "excused")) == "unknown_student"
    page, entries = client.watch(class_)
    assert (page["title"], page["expected"], page["corrections"], len(entries)) == ("Redes", 69, 4, 6)
    told = {entry["student"]: rollcall.STATUSES[entry["status"]] for entry in entries}
    assert told == {student: was[student] for student in told}
    assert (page["present"], page["expected_present"]) == (4, 2)

    first = client.close(class_)["sheet"]
    sheet = client.fetch(first)
    supplement = sheet["supplement"]
    assert rollcall.statuses(sheet) == was and supplement["revision"] == 1
    assert [row["place"] for row in supplement["pressed"]] == [3] and supplement["plan"]["lessons"] == 2
    assert [entry["reason"] for entry in supplement["trail"]] == [None, "medical note", None, None]
    assert client.watch(class_)[0]["reason"] == 1 and reason(client.extend(class_, 60)) == "not_open"

    correct(STUDENTS[1], "left", 2, reason="went at 14:00")
    correct(STUDENTS[1], "left", 2)
    correct(STUDENTS[4], "present", 3, roll_call=first["number"])
    second = client.last_sheet(class_)
    assert second is not None and rollcall.statuses(second) == was
    listed = client.revisions(class_)
    assert [row["revision"] for row in listed] == [3, 2, 1] and listed[2]["sheet"] == first
    assert client.fetch(first) == sheet
    assert reason(client.correct(class_, STUDENTS[4], "late", roll_call=99)) == "no_such_roll_call"

    again = client.reopen(class_)
    assert (again["opened_at"], again["already_open"]) == (opened["opened_at"], 0)
    assert client.reopen(class_)["already_open"] == 1
    assert reason(client.mark(class_, STUDENTS[1])) == "taken_back"
    mark(STUDENTS[5])
    third = client.close(class_)["sheet"]
    assert third["number"] == first["number"]
    assert rollcall.statuses(client.fetch(third)) == was
    assert [row["revision"] for row in client.revisions(class_)] == [4, 3, 2, 1]
    for student in STUDENTS[10:26]:
        correct(student, "late", len(client.revisions(class_)) + 1)
    assert [row["revision"] for row in client.revisions(class_)] == list(range(20, 0, -1))


def end(client: Client, class_: int) -> None:
    """A roll call closes by itself, and whoever comes then finds it closed at its end."""
    opened = client.plan(class_, closes_after_s=1)
    time.sleep(1.2)
    assert reason(client.mark(class_, STUDENTS[0])) == "not_open"
    closed = client.close(class_)
    assert closed["already_closed"] == 1 and closed["sheet"]["closed_at"] == opened["opened_at"] + 1_000


def pages(client: Client, first: int, count: int, length: int) -> None:
    """More open roll calls than one `STATUS_LIST` of this length holds."""
    classes = [first + 7 * index for index in range(count)]
    for class_ in classes:
        client.open(class_)
    assert client.ask("STATUS", {"from": 1}, length)["more"] == 1
    assert [row["class"] for row in client.status(length)] == classes
    for class_ in classes:
        client.close(class_)


def wrong_clocks(server: tuple[str, int], class_: int) -> None:
    """R-JUDGE-8 and 9, R-AGAIN-1: told the time, a client begins again and is served."""
    Client(server).open(class_)
    for student, wrong in (("behind", -HOUR_MS), ("ahead", HOUR_MS)):
        client = Client(server, wall=lambda wrong=wrong: rollcall.wall_clock_ms() + wrong)  # type: ignore[misc]
        marked = client.mark(class_, student)
        assert marked["standing"] == 0 and abs(client.offset + wrong) < 60_000
        assert client.mark(class_, student)["standing"] == 1
    Client(server).close(class_)


def unknown_and_stale(server: tuple[str, int], class_: int) -> None:
    """The verdicts about the asking itself."""
    client = Client(server)
    client.open(class_)
    identity = client.identity
    assert identity is not None
    first = identity.client

    identity.number = 0  # Number 1 again, and another operation under it: BEGIN_AGAIN.
    assert client.mark(class_, "one")["standing"] == 0
    assert client.identity is not None and client.identity.client != first

    client.identity.client = bytes(range(16))  # A client that the server does not know: BEGIN_AGAIN.
    assert client.mark(class_, "one")["standing"] == 1
    assert client.identity.client != bytes(range(16)) and client.identity.number == 1

    client.identity.number += 5  # A gap: STALE, and nobody knows the outcome.
    try:
        client.mark(class_, "two")
        raise AssertionError("a gap was taken")
    except OutcomeUnknown as unknown:
        assert not unknown.pending and client.identity is None
    assert client.mark(class_, "two")["standing"] == 0
    client.close(class_)


def settle_first(server: tuple[str, int], class_: int) -> None:
    """Chapter 15.3: the outcome of one operation is learnt before the next one is sent."""
    network = Lossy(server, lost=0.0, doubled=0.0, seed=1)
    client = Client(network.address)
    client.open(class_)

    network.lost, client.deadline = 1.0, 0.3
    for attempt in (lambda: client.mark(class_, "lost"), lambda: client.close(class_)):
        try:
            attempt()
            raise AssertionError("answered through a dead network")
        except (OutcomeUnknown, NeverSent):
            assert client.pending is not None and client.pending.kind == "MARK"

    network.lost, client.deadline = 0.0, rollcall.DEADLINE_DEFAULT_S
    sheet = client.fetch(client.close(class_)["sheet"])
    assert client.told == ["MARK settled: MARKED"]
    assert [student for student, _ in marks(sheet)] == ["lost"]
    network.stop()


def versions(server: tuple[str, int]) -> None:
    """Another version gets `VERSIONS`, which ends no request."""
    client = Client(server)
    client.socket.setblocking(True)
    client.socket.settimeout(rollcall.DEADLINE_DEFAULT_S)
    client.socket.sendto(rollcall.frame(2, 0x01, bytes(40)), server)
    assert 1 in rollcall.decode_versions(client.socket.recv(rollcall.UDP_PAYLOAD_MAX_BYTES))


def story(server: tuple[str, int], lost: float, doubled: float, seed: int) -> None:
    network = Lossy(server, lost=lost, doubled=doubled, seed=seed)
    client = Client(network.address)
    lesson(client, 3030)
    pages(client, 500, 12, 64)
    if lost == 0:
        pages(client, 500, 90, rollcall.DATAGRAM_MAX_BYTES)
    attendance(client, 3070)
    end(client, 3071)
    wrong_clocks(network.address, 3040)
    unknown_and_stale(network.address, 3050)
    settle_first(server, 3060)
    versions(server)
    network.stop()
    print(f"sent {client.sent} datagrams; forwarded {network.forwarded}, dropped {network.dropped}")


def shown(answer: Message) -> str:
    return " ".join([answer.kind, *(f"{name}={value}" for name, value in answer.fields.items() if name != "client")])


def main(address: str, command: str, *arguments: str) -> None:
    host, port = address.rsplit(":", 1)
    server = (host, int(port))
    client = Client(server)
    if command == "story":
        lost, doubled, seed = [*arguments, "0", "0", "0"][:3]
        story(server, float(lost), float(doubled), int(seed))
    elif command == "open":
        print(shown(client.open(int(arguments[0]))))
    elif command == "mark":
        print(shown(client.mark(int(arguments[0]), arguments[1])))
    elif command == "status":
        for row in client.status():
            print(row["class"], row["opened_at"], row["present"])
    elif command == "close":
        closed = client.close(int(arguments[0]))
        for student, at in marks(client.fetch(closed["sheet"])):
            print(student, at)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
