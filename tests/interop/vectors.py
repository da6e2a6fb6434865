"""Decodes and encodes every example of `proto-spec.md`, the invalid ones included.

Usage: vectors.py PROTO_SPEC
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import rollcall

IN_HEXADECIMAL = ("client", "content", "data", "object", "key", "cookie", "invite", "device", "after", "by")
AS_TEXT = ("student", "name", "by_name", "guest", "act", "terms", "title", "reason_text")
ROLES = ("admin", "teacher")
ACTS = ("invite", "revoke", "release", "give", "share", "call", "enrol")
IN_BRIEF = ("class", "roll_call", "opened_at", "closed_at", "students", "bytes", "content")
BLOCK = re.compile(r"^```(vector|vector-invalid|sheet|roster)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Lines = list[tuple[str, str]]


def parse(block: str) -> tuple[Lines, bytes]:
    """The lines of an example, and its bytes."""
    said, _, digits = block.partition("hex =")
    lines = [(name.strip(), value.strip()) for name, _, value in (line.partition("=") for line in said.splitlines())]
    return lines, b"".join(map(word, digits.split()))


def word(written: str) -> bytes:
    """Hexadecimal digits, or a byte and how often it comes."""
    digits, _, count = written.partition("*")
    return bytes.fromhex(digits) * int(count or 1)


def value(name: str, written: str) -> Any:
    if name in IN_HEXADECIMAL:
        return bytes.fromhex(written)
    if name == "reason" and not written.isdigit():
        return written
    if written in ("true", "false"):
        return int(written == "true")
    if name == "padding":
        return bytes(int(written))
    return written if name in AS_TEXT else int(written, 0)


def message(lines: Lines) -> rollcall.Message:
    """The message that the lines of an example tell."""
    (_, kind), *rest = lines
    several = ("open", "file", "mark", "drawn", "put", "remove", "entry")
    fields: dict[str, Any] = {
        # The code of an invite is bytes, that of a room a number.
        name: bytes.fromhex(written) if (kind, name) == ("JOIN", "code") else value(name, written)
        for name, written in rest
        if name not in several
    }
    told_of_people(kind, fields, rest)
    told_of_classes(kind, fields, rest)
    if kind == "STATUS_LIST":
        rows = [map(int, written.split()) for name, written in rest if name == "open"]
        fields["open"] = [dict(zip(("class", "opened_at", "present"), row)) for row in rows]
    if kind in ("CLOSED", "SHEET_LIST", "REVISION_LIST"):
        # The number of the roll call has another name here than the number of the request.
        brief = {"number" if name == "roll_call" else name: fields.pop(name) for name in IN_BRIEF if name in fields}
        if kind == "REVISION_LIST":
            fields["revisions"] = [{"revision": fields.pop("revision"), "at": fields.pop("at"), "sheet": brief}]
        else:
            fields |= {"sheet": brief} if kind == "CLOSED" else {"sheets": [brief] if brief else []}
    tail = {name: fields[name] for name in ("client", "number") if name in fields}
    if kind == "BEGIN_AGAIN":
        fields.setdefault("server_time", None)
    if kind == "FILE_LIST":
        rows = [written.split(" ", 1) for name, written in rest if name == "file"]
        files = [{"name": name, "bytes": int(length)} for length, name in rows]
        fields = tail | {"list": {"total": fields["total"], "files": files} if "total" in fields else None}
    if kind == "FILE_INFO":
        fields = tail | {"file": {name: said for name, said in fields.items() if name not in tail}}
    return rollcall.Message(kind, fields)


def guest(written: str) -> dict[str, Any]:
    what, _, who = written.partition(" ")
    return {"which": 0, "role": ROLES.index(what), "name": who} if what in ROLES else {"which": 1, "student": who}


def act(fields: dict[str, Any]) -> dict[str, Any]:
    """The act that the fields tell, which are its own from then on."""
    which = ACTS.index(fields.pop("act"))
    names = ("invite", "guest", "device", "student", "class", "name", "there")
    return {"which": which} | {name: fields.pop(name) for name in names if name in fields}


def told_of_people(kind: str, fields: dict[str, Any], rest: Lines) -> None:
    """Puts what the lines of the messages of people and rooms tell where their fields are."""
    if "terms" in fields:
        fields["terms"] = dict(zip(("who", "strict", "code"), map(int, fields["terms"].split())))
    if "guest" in fields:
        fields["guest"] = guest(fields["guest"])
    if kind in ("MARK", "ROOM_STATE"):
        fields.setdefault("code", None)
    if kind == "PEOPLE":
        fields.setdefault("after", None)
    if kind == "ACT":
        fields["act"] = act(fields)
    if kind == "PERSON_LIST":
        names = ("device", "name", "joined_at", "admin", "teacher", "revoked")
        fields["devices"] = [{name: fields.pop(name) for name in names}]
    if kind == "ACT_LIST":
        deed = {"which": 0, "act": act(fields)} if "act" in fields else {"which": 1, "guest": fields.pop("guest")}
        record = {"number": fields.pop("act_number"), "at": fields.pop("at"), "deed": deed}
        fields["acts"] = [record | {"by": fields.pop("by", None), "name": fields.pop("by_name", None)}]
    if kind == "MINE_LIST":
        rows = [written.split() for name, written in rest if name == "mark"]
        fields["marks"] = [
            {"class": int(class_), "number": int(number), "student": student, "at": int(at)}
            for class_, number, student, at in rows
        ]
    if kind == "SPOT_LIST":
        rows = [written.split() for name, written in rest if name == "drawn"]
        fields["drawn"] = [{"student": student, "remarks": int(remarks)} for student, remarks in rows]


def told_of_classes(kind: str, fields: dict[str, Any], rest: Lines) -> None:
    """The same for the messages of plans, rosters and corrections."""
    may_be_missing = {"DELIVER": ("code",), "CORRECT": ("roll_call", "reason"), "CORRECTED": ("was",),
                      "WATCHED": ("closes_at", "late_at", "expected", "code", "title")}  # fmt: skip
    for name in may_be_missing.get(kind, ()):
        fields.setdefault(name, None)
    if kind == "PLAN":
        names = ("closes_after_s", "late_after_s", "lessons", "accept_delayed_s", "title")
        fields["plan"] = {name: fields.pop(name, None) for name in names}
    if kind == "ENROL":
        fields["edits"] = [edit(name, written) for name, written in rest if name in ("put", "remove")]
    if kind == "WATCHED":
        rows = [written.split() for name, written in rest if name == "entry"]
        fields["listed"] = [
            {"student": student, "at": int(at), "status": int(status), "remarks": int(remarks)}
            for student, at, status, remarks in rows
        ]


def edit(name: str, written: str) -> dict[str, Any]:
    if name == "remove":
        return {"which": 1, "student": written}
    student, group, called = written.split(" ", 2)
    return {"which": 0, "listed": {"student": student, "name": called, "group": None if group == "-" else group}}


def check_valid(lines: Lines, data: bytes) -> None:
    if lines[0][1] == "VERSIONS":
        spoken = bytes(int(number) for number in dict(lines)["spoken"].split())
        assert rollcall.decode_versions(data) == spoken
        assert rollcall.encode_versions(spoken) == data
        return
    told = message(lines)
    reader = "server" if rollcall.BY_NAME[told.kind].is_request else "client"
    assert rollcall.decode(data, reader) == told
    assert rollcall.encode(told) == data


def check_invalid(lines: Lines, data: bytes) -> None:
    fields = dict(lines)
    try:
        rollcall.decode(data, fields["reader"])
    except rollcall.Rejected as rejected:
        assert str(rejected) == fields["rejected"], f"rejected as {rejected}, not as {fields['rejected']}"
    else:
        raise AssertionError(f"taken, and not rejected as {fields['rejected']}")


def check_sheet(lines: Lines, data: bytes) -> None:
    fields = dict(lines)
    sheet: dict[str, Any] = {name: int(fields[name]) for name in ("class", "opened_at", "closed_at")}
    marks = [written.split() for name, written in lines if name == "mark"]
    sheet["marks"] = [{"student": student, "at": int(at)} for student, at in marks]
    remarked = [written.split() for name, written in lines if name == "remarked"]
    if remarked:
        sheet["remarks"] = [{"place": int(place), "remarks": int(remarks)} for place, remarks in remarked]
    if "revision" in fields:
        sheet["supplement"] = supplement(lines)
    assert rollcall.decode_sheet(data) == sheet
    assert rollcall.encode_sheet(sheet) == data
    assert hashlib.sha256(data).hexdigest() == fields["sha256"]


def supplement(lines: Lines) -> dict[str, Any]:
    """What the lines of a sheet of form 3 tell beside those of form 2."""
    fields = dict(lines)

    def rows(called: str, columns: int) -> list[list[str]]:
        return [written.split(" ", columns - 1) for name, written in lines if name == called]

    names = ("closes_after_s", "late_after_s", "lessons", "accept_delayed_s")
    *numbers, title = rows("plan", 5)[0]
    plan = dict(zip(names, map(number, numbers))) | {"title": said(title)}
    trail: list[dict[str, Any]] = [
        {"at": int(at), "by": said(by), "change": {"which": 1, "closes_at": int(closes_at)}, "reason": None}
        for at, closes_at, by in rows("extended", 3)
    ]
    for at, student, was, is_, by, reason in rows("corrected", 6):
        change = {"which": 0, "student": student, "was": number(was), "is": int(is_)}
        trail.append({"at": int(at), "by": said(by), "change": change, "reason": said(reason)})
    return {
        "revision": int(fields["revision"]), "plan": plan,
        "closes_at": number(fields.get("closes_at", "-")), "late_at": number(fields.get("late_at", "-")),
        "pressed": [{"place": int(place), "at": int(at)} for place, at in rows("pressed", 2)],
        "standings": [{"student": student, "status": int(status)} for student, status in rows("standing", 2)],
        "trail": trail, "roster": listed(lines),
    }  # fmt: skip


def said(written: str) -> str | None:
    """A hyphen is nothing."""
    return None if written == "-" else written


def number(written: str) -> int | None:
    return None if written == "-" else int(written)


def listed(lines: Lines) -> list[dict[str, Any]]:
    rows = [written.split(" ", 2) for name, written in lines if name == "listed"]
    return [{"student": student, "name": name, "group": said(group)} for student, group, name in rows]


def check_roster(lines: Lines, data: bytes) -> None:
    fields = dict(lines)
    class_ = int(fields["class"])
    roster = {"form": 1, "class": class_, "version": int(fields["version"]), "students": listed(lines)}
    assert rollcall.decode_roster(data, class_) == roster
    assert rollcall.ROSTER.write(roster) == data
    assert hashlib.sha256(data).hexdigest() == fields["sha256"]


def check_later_form() -> None:
    """A sheet that begins with 0 is of a later form, and not damaged (R-SHEET-10)."""
    try:
        rollcall.decode_sheet(bytes([0, 4, 7]))
    except rollcall.LaterForm:
        return
    raise AssertionError("a later form is taken")


def main(specification: Path) -> None:
    checks = {
        "vector": check_valid, "vector-invalid": check_invalid, "sheet": check_sheet, "roster": check_roster,
    }  # fmt: skip
    counts: Counter[str] = Counter()
    kinds: set[str] = set()
    for sort, name, block in BLOCK.findall(specification.read_text(encoding="utf-8")):
        lines, data = parse(block)
        try:
            checks[sort](lines, data)
        except Exception as error:
            raise SystemExit(f"{sort} {name}: {error!r}") from error
        counts[sort] += 1
        if sort == "vector":
            kinds.add(lines[0][1])
    check_later_form()
    missing = set(rollcall.BY_NAME) - kinds
    assert not missing, f"kinds without an example: {missing}"
    objects = f"{counts['sheet']} sheets, {counts['roster']} roster"
    print(f"{counts['vector']} examples, {counts['vector-invalid']} invalid datagrams, {objects}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
