"""Plays teacher and student against a real server.

Usage: story.py HOST:PORT story [LOST DOUBLED SEED]
       story.py HOST:PORT open CLASS | mark CLASS STUDENT | status | close CLASS
"""

from __future__ import annotations

import sys
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
