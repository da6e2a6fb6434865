"""The client of the roll call protocol, version 1, a second time.

Written from `proto-spec.md` alone, with the standard library alone, to prove that the text
suffices. Rules are named as the specification names them.
"""

from __future__ import annotations

import hashlib
import math
import random
import secrets
import select
import socket
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

MAGIC = b"RC"
VERSION = 1
DATAGRAM_MIN_BYTES = 8
DATAGRAM_MAX_BYTES = 1200
UDP_PAYLOAD_MAX_BYTES = 65_507
BLOCK_BYTES = 1024
BLOCKS_UNDER_WAY = 8
LONE_PULL_BYTES = 1065
SEALED_ROOM_BYTES = 1161
PULL_TIMER_MIN_S = 0.004
SHEET_STUDENTS_MAX = 1_000_000
TIME_MAX = 253_402_300_799_999
BLOCK_INDEX_MAX = 4_294_967_295
WATCHED_MAX = 18
REVISIONS_MAX = 14
SIZE_MAX = BLOCK_INDEX_MAX * BLOCK_BYTES

WINDOW_S = 15 * 60.0
RETRY_INITIAL_S = 0.2
RETRY_MIN_S = 0.1
RETRY_MAX_S = 0.5
RETRY_EVEN_WAITS = 5
JITTER_MAX = 1.5
DEADLINE_DEFAULT_S = 30.0
DEADLINE_MAX_S = 600.0

REASONS = {1: "not_open", 2: "never_opened", 3: "roll_call_full", 4: "too_many_open", 5: "too_many_classes",
           6: "disk_low", 7: "not_a_teacher", 8: "not_an_admin", 9: "not_your_class", 10: "no_device",
           11: "invite_unknown", 12: "invite_used", 13: "invite_ended", 14: "other_person", 15: "unknown_device",
           16: "unknown_teacher", 17: "unknown_student", 18: "no_room", 19: "code_needed", 20: "wrong_code",
           21: "code_limit", 22: "other_device", 23: "other_number", 24: "not_enrolled", 25: "taken_back",
           26: "too_late", 27: "roster_changed", 28: "no_such_roll_call", 29: "reopen_too_late"}
STANDING_REFUSED = 16


# --- How values are written (chapter 4) ---------------------------------------------------------


class Rejected(Exception):
    """A datagram that chapter 7 has nobody use; the text is the name of the check that failed."""


class Reader:
    """The bytes of one body, read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise Rejected("body")
        self.at += length
        return self.data[self.at - length : self.at]

    def varint(self, bits: int) -> int:
        value = 0
        for shift in range(0, bits, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                require(value < 1 << bits)
                return value
        raise Rejected("body")


def require(holds: bool) -> None:
    """Step 7: the form of the kind, and every value within its range."""
    if not holds:
        raise Rejected("body")


def varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


@dataclass(frozen=True)
class Type:
    """How one type of the specification is read and written."""

    read: Callable[[Reader], Any]
    write: Callable[[Any], bytes]


def integer(bits: int, least: int = 0, most: int | None = None) -> Type:
    def read(reader: Reader) -> int:
        value = reader.varint(bits)
        require(least <= value and (most is None or value <= most))
        return value

    return Type(read, varint)


def fixed(length: int) -> Type:
    return Type(lambda reader: reader.take(length), bytes)


def counted(fits: Callable[[bytes], bool]) -> Type:
    def read(reader: Reader) -> bytes:
        data = reader.take(reader.varint(64))
        require(fits(data))
        return data

    return Type(read, lambda data: varint(len(data)) + data)


def byte(fits: Callable[[int], bool]) -> Type:
    def read(reader: Reader) -> int:
        value = reader.take(1)[0]
        require(fits(value))
        return value

    return Type(read, lambda value: bytes([value]))


def structure(fields: dict[str, Type]) -> Type:
    def read(reader: Reader) -> dict[str, Any]:
        return {name: kind.read(reader) for name, kind in fields.items()}

    def write(values: dict[str, Any]) -> bytes:
        return b"".join(kind.write(values[name]) for name, kind in fields.items())

    return Type(read, write)


def option(inner: Type) -> Type:
    def read(reader: Reader) -> Any:
        return inner.read(reader) if BOOL.read(reader) else None

    return Type(read, lambda value: b"\0" if value is None else b"\1" + inner.write(value))


def list_of(inner: Type) -> Type:
    def read(reader: Reader) -> list[Any]:
        # No item is shorter than a byte, so a longer count cannot be meant.
        count = reader.varint(64)
        require(count <= len(reader.data) - reader.at)
        return [inner.read(reader) for _ in range(count)]

    return Type(read, lambda items: varint(len(items)) + b"".join(map(inner.write, items)))


def text(inner: Type) -> Type:
    return Type(lambda reader: inner.read(reader).decode("utf-8"), lambda value: inner.write(value.encode("utf-8")))


def by_state(states: list[dict[str, Type]]) -> Type:
    """A `u32` that says which fields come after it."""

    def read(reader: Reader) -> dict[str, Any]:
        state = reader.varint(32)
        require(state < len(states))
        return {"state": state} | structure(states[state]).read(reader)

    return Type(read, lambda values: varint(values["state"]) + structure(states[values["state"]]).write(values))


def is_student(data: bytes) -> bool:
    return 1 <= len(data) <= 32 and all(0x21 <= character <= 0x7E for character in data)


# What no file name has, and what it has only after a character above U+007F (chapter 4).
INVISIBLE = [
    (0x0000, 0x001F), (0x007F, 0x009F), (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160),
    (0x17B4, 0x17B5), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
    (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
]  # fmt: skip
JOINERS = [(0x180B, 0x180D), (0x180F, 0x180F), (0x200C, 0x200D), (0xFE00, 0xFE0F)]


def is_file_name(data: bytes) -> bool:
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if not 1 <= len(data) <= 255 or name[0] in "." or set(name) & {"/", "\\"}:
        return False
    if any(first <= ord(character) <= last for character in name for first, last in INVISIBLE):
        return False
    joined = zip("." + name, name)
    return not any(before < "\x80" and any(first <= ord(it) <= last for first, last in JOINERS) for before, it in joined)


def is_person_name(data: bytes) -> bool:
    return is_line(data, 64)


def is_line(data: bytes, most: int) -> bool:
    """What 6.19 calls a line, of at most so many bytes."""
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    odd = any(it.isspace() and it != " " for it in name) or "  " in name or name != name.strip()
    invisible = any(first <= ord(it) <= last for it in name for first, last in INVISIBLE)
    return 1 <= len(data) <= most and not odd and not invisible


def line(most: int) -> Type:
    return text(counted(lambda data: is_line(data, most)))


def one_of(variants: list[dict[str, Type]]) -> Type:
    """A byte that says which fields come after it."""

    def read(reader: Reader) -> dict[str, Any]:
        which = reader.take(1)[0]
        require(which < len(variants))
        return {"which": which} | structure(variants[which]).read(reader)

    return Type(read, lambda values: bytes([values["which"]]) + structure(variants[values["which"]]).write(values))


U8 = byte(lambda _: True)
BOOL = byte(lambda value: value <= 1)
U16, U32, U64 = integer(16), integer(32), integer(64)
CLASS = integer(32, least=1)
ROLL_CALL_NUMBER = integer(32, least=1)
NUMBER = integer(64, least=1)
TIME = integer(64, most=TIME_MAX)
CLIENT, CONTENT, COOKIE, FILE_KEY = fixed(16), fixed(32), fixed(16), fixed(16)
SIZE = integer(64, most=SIZE_MAX)
STUDENT = text(counted(is_student))
PADDING = counted(lambda data: not any(data))
STANDING = byte(lambda value: value <= 4 or value - STANDING_REFUSED in REASONS)
REASON = byte(lambda value: value in REASONS)
DEVICE, INVITE, INVITE_CODE = fixed(16), fixed(16), fixed(10)
PERSON_NAME = text(counted(is_person_name))
ROLE = byte(lambda value: value <= 1)
WHO = byte(lambda value: value <= 2)
ACT_NUMBER = integer(64, least=1)
ROOM_CODE = integer(32, most=999_999)
REMARKS = byte(lambda value: value <= 63)
SPOT_COUNT = byte(lambda value: 1 <= value <= 20)
TERMS = structure({"who": WHO, "strict": BOOL, "code": BOOL})
GUEST = one_of([{"role": ROLE, "name": PERSON_NAME}, {"student": STUDENT}])
ACT = one_of(
    [{"invite": INVITE, "guest": GUEST}, {"device": DEVICE}, {"student": STUDENT},
     {"class": CLASS, "name": PERSON_NAME}, {"class": CLASS, "name": PERSON_NAME},
     {"class": CLASS, "student": STUDENT, "there": BOOL},
     {"class": CLASS, "invite": INVITE, "student": STUDENT}]
)  # fmt: skip
DEED = one_of([{"act": ACT}, {"guest": GUEST}])
STAFF_DEVICE = structure(
    {"device": DEVICE, "name": PERSON_NAME, "joined_at": TIME, "admin": BOOL, "teacher": BOOL, "revoked": BOOL}
)  # fmt: skip
ACT_RECORD = structure(
    {"number": ACT_NUMBER, "at": TIME, "by": option(DEVICE), "name": option(PERSON_NAME), "deed": DEED}
)  # fmt: skip
MY_MARK = structure({"class": CLASS, "number": ROLL_CALL_NUMBER, "student": STUDENT, "at": TIME})
DATA = counted(lambda data: len(data) <= BLOCK_BYTES)
SHEET_IN_BRIEF = structure(
    {"class": CLASS, "number": ROLL_CALL_NUMBER, "opened_at": TIME, "closed_at": TIME,
     "students": U32, "bytes": U32, "content": CONTENT}
)  # fmt: skip
OPEN_ROLL_CALL = structure({"class": CLASS, "opened_at": TIME, "present": U32})
FILE_LIST = structure({"total": U32, "files": list_of(structure({"name": text(counted(is_file_name)), "bytes": U64}))})
FILE_STATE = by_state([{}, {"done": SIZE, "bytes": SIZE}, {"bytes": SIZE, "content": CONTENT}])
SHEET = structure(
    {"class": CLASS, "opened_at": TIME, "closed_at": TIME,
     "marks": list_of(structure({"student": STUDENT, "at": TIME}))}
)  # fmt: skip


def plan_type() -> Type:
    """R-PLAN-1."""
    fields = structure(
        {"closes_after_s": option(integer(32, 1, 86_400)), "late_after_s": option(integer(32, 1, 86_400)),
         "lessons": byte(lambda value: 1 <= value <= 20), "accept_delayed_s": integer(16, most=600),
         "title": option(line(80))}
    )  # fmt: skip

    def read(reader: Reader) -> dict[str, Any]:
        plan: dict[str, Any] = fields.read(reader)
        closes, late = plan["closes_after_s"], plan["late_after_s"]
        require(closes is None or late is None or late < closes)
        return plan

    return Type(read, fields.write)


PLAN = plan_type()
STATUS = byte(lambda value: value <= 4)
STATUSES = ("present", "late", "excused", "absent", "left")
LISTED = structure({"student": STUDENT, "name": line(120), "group": option(line(40))})
EDIT = one_of([{"listed": LISTED}, {"student": STUDENT}])
EDITS = Type(
    lambda reader: (edits := list_of(EDIT).read(reader), require(1 <= len(edits) <= 64))[0], list_of(EDIT).write
)
ENTRY = structure({"student": STUDENT, "at": TIME, "status": STATUS, "remarks": REMARKS})
CHANGE = one_of([{"student": STUDENT, "was": option(STATUS), "is": STATUS}, {"closes_at": TIME}, {}])
TRAIL_ENTRY = structure({"at": TIME, "by": option(PERSON_NAME), "change": CHANGE, "reason": option(line(120))})
SUPPLEMENT = structure(
    {"revision": integer(32, 1), "plan": PLAN, "closes_at": option(TIME), "late_at": option(TIME),
     "pressed": list_of(structure({"place": U32, "at": TIME})),
     "standings": list_of(structure({"student": STUDENT, "status": STATUS})),
     "trail": list_of(TRAIL_ENTRY), "roster": option(list_of(LISTED))}
)  # fmt: skip
ROSTER = structure(
    {"form": byte(lambda value: value == 1), "class": CLASS, "version": U64, "students": list_of(LISTED)}
)  # fmt: skip
REMARKED = list_of(structure({"place": U32, "remarks": REMARKS}))
SECOND_FORM = b"\0\2"
THIRD_FORM = b"\0\3"


# --- Kinds and messages (chapters 5 and 6) ------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """One row of the table of kinds."""

    name: str
    code: int
    body: Type
    least: int = 0
    fitting: tuple[str, ...] = ()

    @property
    def is_request(self) -> bool:
        return self.code < 0x80


@dataclass(frozen=True)
class Message:
    """One datagram, read or to be written."""

    kind: str
    fields: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


VERDICTS = ("STALE", "BEGIN_AGAIN", "BUSY", "REVOKED")
ASIDE = ("REFUSED", "BUSY", "REVOKED")


def _request(name: str, code: int, least: int, fitting: tuple[str, ...], /, **fields: Type) -> Kind:
    head = {"attempt": U8, "client": CLIENT, "number": NUMBER}
    return Kind(name, code, structure(head | fields | {"padding": PADDING}), least, fitting)


def _answer(name: str, code: int, fields: dict[str, Type]) -> Kind:
    return Kind(name, code, structure({"client": CLIENT, "number": NUMBER} | fields))


KINDS = [
    _request("OPEN", 0x01, 48, ("OPENED", "REFUSED", *VERDICTS), started=TIME, **{"class": CLASS, "terms": TERMS}),
    _request("CLOSE", 0x02, 102, ("CLOSED", "REFUSED", *VERDICTS), started=TIME, **{"class": CLASS}),
    _request("MARK", 0x03, 48, ("MARKED", *VERDICTS), started=TIME,
             **{"class": CLASS, "student": STUDENT, "code": option(ROOM_CODE)}),
    _request("JOIN", 0x04, 108, ("JOINED", "REFUSED", *VERDICTS), started=TIME, code=INVITE_CODE),
    _request("ACT", 0x05, 48, ("ACTED", "REFUSED", *VERDICTS), started=TIME, act=ACT),
    _request("PLAN", 0x06, 48, ("OPENED", "REFUSED", *VERDICTS), started=TIME,
             **{"class": CLASS, "terms": TERMS, "plan": PLAN}),
    _request("EXTEND", 0x07, 64, ("EXTENDED", "REFUSED", *VERDICTS), started=TIME,
             **{"class": CLASS, "seconds": integer(32, 1, 86_400)}),
    _request("REOPEN", 0x08, 48, ("OPENED", "REFUSED", *VERDICTS), started=TIME, **{"class": CLASS}),
    _request("DELIVER", 0x09, 48, ("MARKED", *VERDICTS), started=TIME,
             **{"class": CLASS, "student": STUDENT, "code": option(ROOM_CODE), "delay_ms": U32}),
    _request("CORRECT", 0x0A, 64, ("CORRECTED", "REFUSED", *VERDICTS), started=TIME,
             **{"class": CLASS, "roll_call": option(ROLL_CALL_NUMBER), "student": STUDENT, "status": STATUS,
                "reason": option(line(120))}),
    _request("ENROL", 0x0B, 64, ("ENROLLED", "REFUSED", *VERDICTS), started=TIME,
             **{"class": CLASS, "base": U64, "import": U64, "edits": EDITS}),
    _request("STATUS", 0x11, 64, ("STATUS_LIST", "BUSY", "REVOKED"), **{"from": CLASS}),
    _request("SHEETS", 0x12, 102, ("SHEET_LIST", "BUSY", "REVOKED"), **{"class": CLASS, "at_most": ROLL_CALL_NUMBER}),
    _request("FILES", 0x13, 1161, ("FILE_LIST", "BUSY", "REVOKED"), **{"from": U32}),
    _request("FILE", 0x14, 80, ("FILE_INFO", "BUSY", "REVOKED"), key=FILE_KEY),
    _request("PULL", 0x15, 77, ("PULLED", "COOKIE"), object=CONTENT, cookie=COOKIE, first=U32, wanted=U64),
    _request("PEOPLE", 0x16, 1161, ("PERSON_LIST", *ASIDE), after=option(DEVICE)),
    _request("ACTS", 0x17, 1161, ("ACT_LIST", *ASIDE), at_most=ACT_NUMBER),
    _request("ROOM", 0x18, 76, ("ROOM_STATE", *ASIDE), **{"class": CLASS}),
    _request("MINE", 0x19, 1161, ("MINE_LIST", *ASIDE), skip=U32),
    _request("SPOT", 0x1A, 1161, ("SPOT_LIST", *ASIDE), **{"class": CLASS, "count": SPOT_COUNT}),
    _request("ROSTER", 0x1B, 102, ("ROSTER_INFO", *ASIDE), **{"class": CLASS}),
    _request("WATCH", 0x1C, 1161, ("WATCHED", *ASIDE), **{"class": CLASS, "from": U32}),
    _request("REVISIONS", 0x1D, 1161, ("REVISION_LIST", "BUSY", "REVOKED"),
             **{"class": CLASS, "roll_call": ROLL_CALL_NUMBER, "revision": U32}),
    _request("TALLY", 0x1E, 102, ("TALLIED", "BUSY", "REVOKED"), **{"class": CLASS, "student": STUDENT}),
    _answer("OPENED", 0x81, {"class": CLASS, "opened_at": TIME, "already_open": BOOL}),
    _answer("CLOSED", 0x82, {"sheet": SHEET_IN_BRIEF, "already_closed": BOOL}),
    _answer("MARKED", 0x83, {"class": U32, "at": TIME, "standing": STANDING}),
    _answer("REFUSED", 0x84, {"at": TIME, "reason": REASON}),
    _answer("JOINED", 0x85, {"at": TIME, "guest": GUEST}),
    _answer("ACTED", 0x86, {"at": TIME, "count": U32}),
    _answer("EXTENDED", 0x87, {"at": TIME, "class": CLASS, "closes_at": TIME}),
    _answer("CORRECTED", 0x88, {"at": TIME, "class": CLASS, "roll_call": ROLL_CALL_NUMBER, "revision": U32,
                                "was": option(STATUS)}),
    _answer("ENROLLED", 0x89, {"at": TIME, "class": CLASS, "version": U64, "students": U32}),
    _answer("STATUS_LIST", 0x91, {"open": list_of(OPEN_ROLL_CALL), "more": BOOL}),
    _answer("SHEET_LIST", 0x92, {"sheets": list_of(SHEET_IN_BRIEF), "more": BOOL}),
    _answer("FILE_LIST", 0x93, {"list": option(FILE_LIST)}),
    _answer("FILE_INFO", 0x94, {"file": FILE_STATE}),
    _answer("PULLED", 0x95, {"index": U32, "data": DATA}),
    _answer("COOKIE", 0x96, {"cookie": COOKIE}),
    _answer("PERSON_LIST", 0x97, {"devices": list_of(STAFF_DEVICE), "more": BOOL}),
    _answer("ACT_LIST", 0x98, {"acts": list_of(ACT_RECORD), "more": BOOL}),
    _answer("ROOM_STATE", 0x99, {"class": CLASS, "opened_at": TIME, "present": U32, "remarked": U32,
                                 "wrong_codes": U32, "terms": TERMS, "code": option(ROOM_CODE), "left_ms": U16}),
    _answer("MINE_LIST", 0x9A, {"marks": list_of(MY_MARK), "more": BOOL}),
    _answer("SPOT_LIST", 0x9B, {"class": CLASS, "drawn": list_of(structure({"student": STUDENT, "remarks": REMARKS}))}),
    _answer("ROSTER_INFO", 0x9C, {"class": CLASS, "version": U64, "students": U32, "bytes": U32, "content": CONTENT}),
    _answer("WATCHED", 0x9D, {"class": CLASS, "roll_call": ROLL_CALL_NUMBER, "opened_at": TIME,
                              "closes_at": option(TIME), "late_at": option(TIME), "present": U32, "late": U32,
                              "expected": option(U32), "expected_present": U32, "remarked": U32, "wrong_codes": U32,
                              "roster": U64, "corrections": U32, "code": option(ROOM_CODE), "left_ms": U16,
                              "title": option(line(80)), "entries": U32, "listed": list_of(ENTRY)}),
    _answer("REVISION_LIST", 0x9E, {"revisions": list_of(structure({"revision": U32, "at": TIME, "sheet": SHEET_IN_BRIEF})),
                                    "more": BOOL}),
    _answer("TALLIED", 0x9F, {"class": CLASS, "student": STUDENT, "roll_calls": U32, "of": U32, "present": U32,
                              "late": U32, "excused": U32, "absent": U32}),
    _answer("STALE", 0xA1, {}),
    _answer("BEGIN_AGAIN", 0xA2, {"server_time": option(TIME)}),
    _answer("BUSY", 0xA3, {"retry_after_ms": U16}),
    _answer("REVOKED", 0xA4, {}),
]
BY_CODE = {kind.code: kind for kind in KINDS}
BY_NAME = {kind.name: kind for kind in KINDS}
OPERATIONS = ("OPEN", "CLOSE", "MARK", "JOIN", "ACT", "PLAN", "EXTEND", "REOPEN", "DELIVER", "CORRECT", "ENROL")
PLAIN_TERMS = {"who": 0, "strict": 0, "code": 0}
VERSIONS_CODE = 0xFF
SEALED = {"server": 0x7E, "client": 0xFE}


def frame(version: int, code: int, body: bytes) -> bytes:
    covered = MAGIC + bytes([version, code]) + body
    return covered + sum_of(covered)


def sum_of(covered: bytes) -> bytes:
    """R-FRAME-4."""
    return zlib.crc32(covered).to_bytes(4, "little")


def encode(message: Message) -> bytes:
    kind = BY_NAME[message.kind]
    return frame(VERSION, kind.code, kind.body.write(message.fields))


def encode_padded(message: Message, length: int) -> bytes:
    """The shortest datagram of this request that is not shorter than `length` (chapter 9)."""
    for zeros in range(length + 1):
        data = encode(Message(message.kind, message.fields | {"padding": bytes(zeros)}))
        if len(data) >= length:
            return data
    raise AssertionError("padding grows by at least a byte each time")


def decode(data: bytes, reader: str) -> Message:
    """Chapter 7, in its order; `reader` is "server" or "client"."""
    _check_frame_before_version(data)
    if data[2] != VERSION:
        raise Rejected("version" if data[2] else "negotiation")
    check_sum(data)
    kind = BY_CODE.get(data[3])
    if data[3] == SEALED[reader]:
        raise Rejected("sealed")
    if kind is None or kind.is_request != (reader == "server"):
        raise Rejected("kind")
    body = Reader(data[4:-4])
    message = Message(kind.name, kind.body.read(body))
    if kind.name == "MARKED":
        require((message["class"] == 0) == (message["standing"] >= STANDING_REFUSED))  # R-MARKED-1
    if kind.name == "ROOM_STATE":
        require((message["code"] is not None) == (message["terms"]["code"] == 1))
    if kind.name == "TALLIED":
        parts = sum(message[it] for it in ("present", "late", "excused", "absent"))
        require(message["of"] == parts and message["roll_calls"] <= message["of"])
    if kind.name == "PULL":
        last = message["first"] + message["wanted"].bit_length() - 1
        require(message["wanted"] & 1 == 1 and last <= BLOCK_INDEX_MAX)  # R-PULL-1
    if kind.name == "FILE_INFO" and message["file"]["state"] == 1:
        require(message["file"]["done"] <= message["file"]["bytes"])
    if body.at != len(body.data):
        raise Rejected("left_over")
    if encode(message) != data:
        raise Rejected("not_canonical")
    if reader == "server" and len(data) < kind.least:
        raise Rejected("request_too_short")
    return message


def decode_versions(data: bytes) -> bytes:
    """The version bytes that a server speaks, from its `VERSIONS` (chapter 8)."""
    _check_frame_before_version(data)
    if data[2] != 0:
        raise Rejected("version")
    check_sum(data)
    if data[3] != VERSIONS_CODE:
        raise Rejected("kind")
    body = Reader(data[4:-4])
    spoken: bytes = counted(lambda listed: len(listed) > 0).read(body)
    if body.at != len(body.data):
        raise Rejected("left_over")
    if encode_versions(spoken) != data:
        raise Rejected("not_canonical")
    return spoken


def encode_versions(spoken: bytes) -> bytes:
    return frame(0, VERSIONS_CODE, varint(len(spoken)) + spoken)


def _check_frame_before_version(data: bytes) -> None:
    if len(data) < DATAGRAM_MIN_BYTES:
        raise Rejected("too_short")
    if len(data) > DATAGRAM_MAX_BYTES:
        raise Rejected("too_long")
    if data[:2] != MAGIC:
        raise Rejected("magic")


def check_sum(data: bytes) -> None:
    if sum_of(data[:-4]) != data[-4:]:
        raise Rejected("checksum")


# --- Sheets (chapter 12) ------------------------------------------------------------------------


def encode_sheet(sheet: dict[str, Any]) -> bytes:
    """Of form 3 if it has a supplement, else of form 1, or of form 2 if something is remarked on it."""
    remarks = sheet.get("remarks")
    if sheet.get("supplement"):
        return THIRD_FORM + SHEET.write(sheet) + REMARKED.write(remarks or []) + SUPPLEMENT.write(sheet["supplement"])
    return SECOND_FORM + SHEET.write(sheet) + REMARKED.write(remarks) if remarks else SHEET.write(sheet)


class LaterForm(Exception):
    """A sheet is of a later form than this program knows, and not damaged (R-SHEET-10)."""


def decode_sheet(data: bytes) -> dict[str, Any]:
    is_second, is_third = data[:2] == SECOND_FORM, data[:2] == THIRD_FORM
    if data[:1] == b"\0" and not is_second and not is_third:
        raise LaterForm
    reader = Reader(data)
    reader.take(len(SECOND_FORM) if is_second or is_third else 0)
    sheet: dict[str, Any] = SHEET.read(reader)
    if is_second or is_third:  # R-SHEET-11, R-SHEET-12
        remarks = REMARKED.read(reader)
        places = [row["place"] for row in remarks]
        require((is_third or bool(places)) and all(row["remarks"] for row in remarks))
        require(places == sorted(set(places)) and all(place < len(sheet["marks"]) for place in places))
        sheet |= {"remarks": remarks} if remarks else {}
    if is_third:
        sheet["supplement"] = SUPPLEMENT.read(reader)
        check_supplement(sheet["supplement"], len(sheet["marks"]))
    if reader.at != len(data):
        raise Rejected("left_over")
    if encode_sheet(sheet) != data:
        raise Rejected("not_canonical")
    return sheet


def rises(values: list[Any]) -> bool:
    return all(one < other for one, other in zip(values, values[1:]))


def check_supplement(supplement: dict[str, Any], marks: int) -> None:
    """R-SHEET-12."""
    pressed = [row["place"] for row in supplement["pressed"]]
    require(rises(pressed) and all(place < marks for place in pressed))
    require(rises([row["student"] for row in supplement["standings"]]))
    require(rises([row["student"] for row in supplement["roster"] or []]))


def decode_roster(data: bytes, class_: int) -> dict[str, Any]:
    """R-ROSTER-7."""
    if data[:1] != b"\1":
        raise LaterForm
    reader = Reader(data)
    roster: dict[str, Any] = ROSTER.read(reader)
    if reader.at != len(data):
        raise Rejected("left_over")
    require(ROSTER.write(roster) == data and roster["class"] == class_)
    require(rises([row["student"] for row in roster["students"]]))
    return roster


def statuses(sheet: dict[str, Any]) -> dict[str, str]:
    """What everybody on a sheet was, by student (chapter 12)."""
    supplement = sheet.get("supplement")
    if supplement is None:
        return {mark["student"]: STATUSES[0] for mark in sheet["marks"]}
    late_at, found = supplement["late_at"], {}
    pressed = {row["place"]: row["at"] for row in supplement["pressed"]}
    for place, mark in enumerate(sheet["marks"]):
        is_late = late_at is not None and pressed.get(place, mark["at"]) >= late_at
        found[mark["student"]] = STATUSES[1 if is_late else 0]
    for listed in supplement["roster"] or []:
        found.setdefault(listed["student"], STATUSES[3])
    for standing in supplement["standings"]:
        found[standing["student"]] = STATUSES[standing["status"]]
    return found


# --- The client (chapter 15) --------------------------------------------------------------------


class OutcomeUnknown(Exception):
    """The operation may have been executed or not; `pending` says whether that can be settled yet."""

    def __init__(self, why: str, *, pending: bool) -> None:
        super().__init__(f"outcome unknown: {why}")
        self.pending = pending


class NeverSent(Exception):
    """No earlier operation could be settled (15.3), or no handshake made, before this one's deadline."""


class NoAnswer(Exception):
    """A query without an answer at its deadline."""


class SheetDamaged(Exception):
    """What came is not what the sheet info names (R-SHEET-7), or it names what cannot be (R-SHEET-4)."""


class Gone(Exception):
    """The server does not have the object (R-TRANSFER-8)."""


@dataclass
class RoundTrip:
    """R-RETRY-1 and the smoothing of RFC 6298, in seconds."""

    srtt: float | None = None
    rttvar: float = 0.0

    def sample(self, measured: float) -> None:
        if self.srtt is None:
            self.srtt, self.rttvar = measured, measured / 2
        else:
            self.rttvar = 0.75 * self.rttvar + 0.25 * abs(self.srtt - measured)
            self.srtt = 0.875 * self.srtt + 0.125 * measured

    def first_wait(self) -> float:
        if self.srtt is None:
            return RETRY_INITIAL_S
        return min(max(self.srtt + 4 * self.rttvar, RETRY_MIN_S), RETRY_MAX_S)

    def timer(self, in_a_row: int) -> float:
        """R-TRANSFER-5."""
        if self.srtt is None:
            first = RETRY_INITIAL_S
        else:
            first = self.srtt + max(4 * self.rttvar, PULL_TIMER_MIN_S)
        return min(first * 2 ** min(in_a_row, 8), max(first, RETRY_MAX_S))


@dataclass
class Waits:
    """The waits of one request, each after a sending of it (R-RETRY-1 to R-RETRY-3)."""

    last: float = 0.0
    count: int = 0

    def next(self, round_trip: RoundTrip) -> float:
        if self.count == 0:
            self.last = round_trip.first_wait()
        elif self.count >= RETRY_EVEN_WAITS:
            self.last = min(self.last * 2, RETRY_MAX_S)
        self.count += 1
        return jittered(self.last)


class Channel:
    """What a client's messages travel in: here plain datagrams. `sealed.py` has the other sort (chapter 23)."""

    tickets = 0  # How many have come; each has the request that waits sent at once (23.4).

    def is_ready(self) -> bool:
        """Whether a request can be sent."""
        return True

    def seal(self, message: Message, length: int, unanswered: int) -> bytes:
        """A datagram around this request, as if padded to `length`; so many sendings in a row have no answer yet."""
        return encode_padded(message, length)

    def open(self, data: bytes) -> Message | None:
        """The answer in this datagram, or nothing if it was for the channel itself."""
        return decode(data, "client")

    def room(self, length: int) -> int:
        """What stands for the length of a request that is padded to `length` when its answer is judged."""
        return length

    def hello(self, round_trip: RoundTrip) -> bytes | None:
        """What the channel itself has to send now."""
        return None

    def hello_at(self) -> float:
        """When the channel itself has something to send next."""
        return math.inf

    def server_time(self) -> int | None:
        """What a client id has as its `started`, if not the wall clock and the offset (R-CLIENT-3, R-CHANNEL-5)."""
        return None

    def correct(self, server_time: int) -> None:
        """A `BEGIN_AGAIN` has told the server's time."""


@dataclass
class Identity:
    """A client id, and what belongs to it."""

    client: bytes
    started: int
    number: int
    heard_monotonic: float
    heard_wall: int


@dataclass
class Request:
    """One operation or query, and how far asking has come."""

    kind: str
    fields: dict[str, Any]
    length: int
    room: int
    attempt: int = 0
    sendings: int = 0
    unanswered: int = 0
    begun_again: int = 0
    waits: Waits = field(default_factory=Waits)
    sent_at: float = 0.0
    send_at: float = 0.0
    not_before: float = 0.0
    first_monotonic: float = 0.0
    first_wall: int = 0
    answer: Message | None = None

    def is_answered_by(self, message: Message) -> bool:
        if (message["client"], message["number"]) != (self.fields["client"], self.fields["number"]):
            return False
        if message.kind not in BY_NAME[self.kind].fitting:
            return False
        if self.sendings == 0:
            return False
        return self._names_our_class(message)

    def _names_our_class(self, message: Message) -> bool:
        """R-CLIENT-8, and for a list the rule that it may not be shorter than it has to be."""
        if message.kind == "STATUS_LIST":
            classes = [row["class"] for row in message["open"]]
            rises = all(low < high for low, high in zip([self.fields["from"] - 1, *classes], classes))
            return rises and (len(classes) >= (min(self.room, SEALED_ROOM_BYTES) - 37) // 17 or not message["more"])
        if message.kind == "SHEET_LIST":  # R-SHEET-9
            numbers = [info["number"] for info in message["sheets"]]
            falls = all(high > low for high, low in zip([self.fields["at_most"] + 1, *numbers], numbers))
            ours = all(info["class"] == self.fields["class"] for info in message["sheets"])
            return ours and falls and (len(numbers) >= (min(self.room, SEALED_ROOM_BYTES) - 36) // 66 or not message["more"])
        if message.kind == "FILE_LIST" and message["list"] is not None:  # R-FILES-12
            names = [row["name"].encode() for row in message["list"]["files"]]
            rises = all(low < high for low, high in zip(names, names[1:]))
            is_last = self.fields["from"] + len(names) >= message["list"]["total"]
            room = min(self.room, SEALED_ROOM_BYTES) - 42 - sum(12 + len(name) for name in names)
            return rises and (is_last or room < 12 + 255)
        if message.kind == "WATCHED":  # R-WATCH-2
            least = min(WATCHED_MAX, max(message["entries"] - self.fields["from"], 0))
            return message["class"] == self.fields["class"] and len(message["listed"]) == least
        if message.kind == "REVISION_LIST":  # R-WATCH-4
            places = [(row["sheet"]["number"], row["revision"]) for row in message["revisions"]]
            ours = all(row["sheet"]["class"] == self.fields["class"] for row in message["revisions"])
            below = all(place <= (self.fields["roll_call"], self.fields["revision"]) for place in places)
            is_full = len(places) >= REVISIONS_MAX or not message["more"]
            return ours and below and places == sorted(set(places), reverse=True) and is_full
        if message.kind == "TALLIED" and message["student"] != self.fields["student"]:  # R-TALLY-3
            return False
        if message.kind == "CORRECTED" and self.fields["roll_call"] not in (None, message["roll_call"]):  # R-CORRECT-7
            return False
        named = message.fields.get("sheet") or message.fields
        if message.kind == "MARKED" and named["class"] == 0:
            return True
        return named.get("class", self.fields.get("class")) == self.fields.get("class")


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Client:
    """One person's program: operations one after the other, queries at any time."""

    server: tuple[str, int]
    deadline: float = DEADLINE_DEFAULT_S
    wall: Callable[[], int] = wall_clock_ms
    monotonic: Callable[[], float] = time.monotonic
    round_trip: RoundTrip = field(default_factory=RoundTrip)
    identity: Identity | None = None
    pending: Request | None = None
    told: list[str] = field(default_factory=list)
    sent: int = 0
    channel: Channel = field(default_factory=Channel)

    def __post_init__(self) -> None:
        # Not connected: so no ICMP message ever becomes an error here (R-RETRY-8).
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.offset = 0
        self.query_client = secrets.token_bytes(16)
        self.queries = 0
        self.deadline = min(self.deadline, DEADLINE_MAX_S)

    # What a person asks for.

    def open(self, class_: int, terms: dict[str, int] | None = None) -> Message:
        return self.operate("OPEN", {"class": class_, "terms": terms or PLAIN_TERMS})

    def close(self, class_: int) -> Message:
        return self.operate("CLOSE", {"class": class_})

    def mark(self, class_: int, student: str, code: int | None = None) -> Message:
        return self.operate("MARK", {"class": class_, "student": student, "code": code})

    def status(self, length: int = DATAGRAM_MAX_BYTES) -> list[dict[str, Any]]:
        """All open roll calls, page by page (chapter 13), asked with datagrams of this length."""
        rows: list[dict[str, Any]] = []
        first = 1
        while True:
            page = self.ask("STATUS", {"from": first}, length)
            rows += page["open"]
            if not page["more"] or rows[-1]["class"] == 2**32 - 1:
                return rows
            first = rows[-1]["class"] + 1

    def last_sheet(self, class_: int) -> dict[str, Any] | None:
        infos = self.history(class_)
        return self.fetch(infos[0]) if infos else None

    def history(self, class_: int, length: int = DATAGRAM_MAX_BYTES) -> list[dict[str, Any]]:
        """The sheets of a class in brief, the last one first, page by page."""
        infos: list[dict[str, Any]] = []
        at_most = 2**32 - 1
        while True:
            page = self.ask("SHEETS", {"class": class_, "at_most": at_most}, length)
            infos += page["sheets"]
            if not page["more"] or infos[-1]["number"] == 1:
                return infos
            at_most = infos[-1]["number"] - 1

    def fetch(self, info: dict[str, Any]) -> dict[str, Any]:
        """The sheet of this sheet info, checked (R-SHEET-4, R-SHEET-7)."""
        students, length = info["students"], info["bytes"]
        if students > SHEET_STUDENTS_MAX or not 4 + 3 * students <= length <= 21_639_455 + 58 * students:
            raise SheetDamaged
        data = self._object(info)
        try:
            sheet = decode_sheet(data)
        except Rejected as rejected:
            raise SheetDamaged from rejected
        told = {name: info[name] for name in ("class", "opened_at", "closed_at")}
        if told != {name: sheet[name] for name in told} or len(sheet["marks"]) != students:
            raise SheetDamaged
        return sheet

    def _object(self, info: dict[str, Any]) -> bytes:
        """The bytes of an object that were told of in brief, checked."""
        for _ in range(2):  # R-TRANSFER-9
            data = self.pull(info["content"], info["bytes"])
            if hashlib.sha256(data).digest() == info["content"]:
                return data
        raise SheetDamaged

    # What came with plans, rosters and corrections (chapter 25).

    def plan(self, class_: int, **plan: Any) -> Message:
        usual = {"closes_after_s": None, "late_after_s": None, "lessons": 1, "accept_delayed_s": 600, "title": None}
        return self.operate("PLAN", {"class": class_, "terms": PLAIN_TERMS, "plan": usual | plan})

    def extend(self, class_: int, seconds: int) -> Message:
        return self.operate("EXTEND", {"class": class_, "seconds": seconds})

    def reopen(self, class_: int) -> Message:
        return self.operate("REOPEN", {"class": class_})

    def deliver(self, class_: int, student: str, pressed: float) -> Message:
        """Delivers what was pressed when the monotonic clock showed that."""
        delay_ms = int((self.monotonic() - pressed) * 1000)
        return self.operate("DELIVER", {"class": class_, "student": student, "code": None, "delay_ms": delay_ms})

    def correct(
        self, class_: int, student: str, status: str, *, roll_call: int | None = None, reason: str | None = None
    ) -> Message:
        fields = {"class": class_, "roll_call": roll_call, "student": student, "reason": reason}
        return self.operate("CORRECT", fields | {"status": STATUSES.index(status)})

    def enrol(self, class_: int, base: int, of_import: int, edits: list[dict[str, Any]]) -> Message:
        return self.operate("ENROL", {"class": class_, "base": base, "import": of_import, "edits": edits})

    def roster(self, class_: int) -> dict[str, Any]:
        """The roster of a class: R-ROSTER-7, and asked for anew if its server has it no more."""
        while True:
            info = self.ask("ROSTER", {"class": class_})
            try:
                return decode_roster(self._object(info.fields), class_)
            except Gone:
                continue

    def watch(self, class_: int) -> tuple[Message, list[dict[str, Any]]]:
        """An open roll call with all its entries, page by page."""
        entries: list[dict[str, Any]] = []
        last: Message | None = None
        while True:
            page = self.ask("WATCH", {"class": class_, "from": len(entries)})
            if page.kind == "REFUSED":
                return page, []
            changed = [name for name in ("corrections", "roll_call", "present") if last and last[name] != page[name]]
            last = None if changed else page
            if changed == ["present"]:  # R-WATCH-2
                marked = [entry["at"] != page["opened_at"] or entry["status"] < 2 for entry in entries]
                if all(marked):
                    last = page
                else:
                    entries = entries[: marked.index(False)]
                    continue
            elif changed:
                entries = []
                continue
            entries += page["listed"]
            if len(entries) >= page["entries"]:
                return page, entries

    def revisions(self, class_: int) -> list[dict[str, Any]]:
        """Every revision of the sheets of a class, the last one first, page by page."""
        found: list[dict[str, Any]] = []
        number = revision = 2**32 - 1
        while True:
            page = self.ask("REVISIONS", {"class": class_, "roll_call": number, "revision": revision})
            found += page["revisions"]
            if not page["more"]:
                return found
            # Below revision 1 of a roll call come those of the one before.
            number, revision = found[-1]["sheet"]["number"], found[-1]["revision"] - 1

    def pull(self, content: bytes, length: int) -> bytes:
        """The blocks of an object, each asked for alone, so that no cookie is needed (R-COOKIE-1)."""
        wanted = list(range(-(-length // BLOCK_BYTES)))
        blocks: dict[int, bytes] = {}
        asked: dict[int, int] = {}  # Which block each number asked for.
        sent_at: dict[int, float] = {}
        client = secrets.token_bytes(16)  # R-TRANSFER-2
        number = in_a_row = 0
        progress = self.monotonic()
        if not self._connect(progress + self.deadline):
            raise NoAnswer("PULL")
        while len(blocks) < len(wanted):
            missing = [index for index in wanted if index not in blocks][:BLOCKS_UNDER_WAY]
            under_way = {}
            for index in missing:
                number += 1
                asked[number] = under_way[number] = index
                sent_at[number] = self.monotonic()
                self._send_pull(client, number, content, index, in_a_row + 1)
            # What was asked for is taken until the timer runs out or there is a new ticket; then what is missing is
            # asked for again.
            timer = self.monotonic() + self.round_trip.timer(in_a_row)
            tickets = self.channel.tickets
            while any(index not in blocks for index in under_way.values()) and tickets == self.channel.tickets:
                if self.monotonic() >= timer:
                    in_a_row += 1
                    break
                message = self._receive(timer)
                if message is None or message.kind != "PULLED" or message["client"] != client:
                    continue
                index, data = message["index"], message["data"]
                if asked.get(message["number"]) != index or index in blocks:  # R-TRANSFER-3
                    continue
                if not data and message["number"] in under_way:
                    raise Gone
                if len(data) != min(BLOCK_BYTES, length - index * BLOCK_BYTES):
                    continue
                blocks[index] = data
                progress = self.monotonic()
                if message["number"] in under_way:
                    in_a_row = 0
                    self.round_trip.sample(min(progress - sent_at[message["number"]], 1.0))
                    timer = progress + self.round_trip.timer(0)
            if self.monotonic() - progress >= self.deadline:  # R-TRANSFER-7
                raise NoAnswer("PULL")
        return b"".join(blocks[index] for index in wanted)

    def _send_pull(self, client: bytes, number: int, content: bytes, index: int, unanswered: int) -> None:
        fields = {"attempt": 1, "client": client, "number": number, "object": content,
                  "cookie": bytes(16), "first": index, "wanted": 1}  # fmt: skip
        self._transmit(self.channel.seal(Message("PULL", fields), LONE_PULL_BYTES, unanswered))

    # Queries.

    def ask(self, kind: str, fields: dict[str, Any], length: int = 0) -> Message:
        request = self._query(kind, fields, length)
        deadline = self.monotonic() + self.deadline
        if self._connect(deadline):
            self._exchange([request], deadline)
        return answered(request)

    def _query(self, kind: str, fields: dict[str, Any], length: int = 0) -> Request:
        self.queries += 1  # R-REQUEST-1
        named = {"client": self.query_client, "number": self.queries}
        return self._request(kind, named | fields, length)

    def _request(self, kind: str, fields: dict[str, Any], length: int = 0) -> Request:
        length = max(length, BY_NAME[kind].least)
        return Request(kind, fields, length, self.channel.room(length))

    # Operations.

    def operate(self, kind: str, fields: dict[str, Any]) -> Message:
        deadline = self.monotonic() + self.deadline
        self._settle(deadline)
        if not self._connect(deadline) or self.monotonic() >= deadline:
            raise NeverSent
        request = self._request(kind, dict(fields))
        self._name(request)
        return self._run(request, deadline)

    def _run(self, request: Request, deadline: float) -> Message:
        self._exchange([request], deadline)
        answer = request.answer
        if answer is None:
            self.pending = request
            raise OutcomeUnknown("no answer until the deadline", pending=True)
        if answer.kind == "REVOKED":  # R-CLIENT-10
            self.identity = None
            return answer
        if answer.kind in VERDICTS:  # R-AGAIN-2 to 4
            self.identity = None
            raise OutcomeUnknown(answer.kind, pending=False)
        return answer

    def _settle(self, deadline: float) -> None:
        """R-SETTLE-1 to 3."""
        request = self.pending
        if request is None:
            return
        if self._is_old(request):
            self._give_up()
            return
        self.pending = None
        try:
            answer = self._run(request, deadline)
        except OutcomeUnknown as unknown:
            if unknown.pending:
                raise NeverSent from unknown
            self.told.append("outcome unknown for good")
            return
        self.told.append(f"{request.kind} settled: {answer.kind}")

    def _give_up(self) -> None:
        self.pending = None
        self.identity = None
        self.told.append("outcome unknown for good")

    def _is_old(self, request: Request) -> bool:
        return self._passed(request.first_monotonic, request.first_wall) > WINDOW_S

    def _passed(self, monotonic: float, wall: int) -> float:
        """The time since then by whichever clock saw more of it."""
        return max(self.monotonic() - monotonic, abs(self.wall() - wall) / 1000)

    def _name(self, request: Request) -> None:
        """R-CLIENT-3 to 5: who asks, and the sequence number of the operation."""
        known = self.identity
        if known is not None and self._passed(known.heard_monotonic, known.heard_wall) > WINDOW_S:
            known = None
        if known is None:
            wall, told = self.wall(), self.channel.server_time()
            started = min(max(wall + self.offset if told is None else told, 0), TIME_MAX)
            known = Identity(secrets.token_bytes(16), started, 0, self.monotonic(), wall)
        known.number += 1
        self.identity = known
        request.fields |= {"client": known.client, "number": known.number, "started": known.started}

    # Sending, waiting, sending again (15.2).

    def _connect(self, deadline: float) -> bool:
        """Before the channel is ready nothing is sent, and so no operation has a client id (R-CHANNEL-5)."""
        while not self.channel.is_ready() and self.monotonic() < deadline:
            self._receive(deadline)
        return self.channel.is_ready()

    def _exchange(self, batch: Iterable[Request], deadline: float) -> None:
        waiting = list(batch)
        tickets = self.channel.tickets
        for request in waiting:
            request.waits = Waits()
            request.send_at = max(self.monotonic(), request.not_before)
        while waiting and self.monotonic() < deadline:
            for request in waiting:
                if request.send_at <= self.monotonic():
                    self._send(request)
            message = self._receive(min(deadline, *(request.send_at for request in waiting)))
            for request in waiting if message else ():
                if request.is_answered_by(message):
                    self._take(request, message)
                    break
            if tickets != self.channel.tickets:
                tickets = self.channel.tickets
                for request in waiting:
                    request.send_at = max(self.monotonic(), request.not_before)
            waiting = [request for request in waiting if request.answer is None]

    def _send(self, request: Request) -> None:
        now = self.monotonic()
        if request.attempt == 0:
            request.first_monotonic, request.first_wall = now, self.wall()
        request.attempt += 1  # R-REQUEST-3
        request.sendings += 1
        request.unanswered += 1
        request.sent_at = now
        request.send_at = now + request.waits.next(self.round_trip)
        fields = request.fields | {"attempt": min(request.attempt, 255)}
        self._transmit(self.channel.seal(Message(request.kind, fields), request.length, request.unanswered))

    def _transmit(self, data: bytes) -> None:
        try:
            self.socket.sendto(data, self.server)
            self.sent += 1
        except OSError:
            pass  # A lost datagram like any other (R-RETRY-8).

    def _receive(self, until: float) -> Message | None:
        hello = self.channel.hello(self.round_trip)
        if hello is not None:
            self._transmit(hello)
        remaining = max(min(until, self.channel.hello_at()) - self.monotonic(), 0.0)
        if not select.select([self.socket], [], [], remaining)[0]:
            return None
        try:
            data, source = self.socket.recvfrom(UDP_PAYLOAD_MAX_BYTES)
            return self.channel.open(data) if source == self.server else None
        except (OSError, Rejected):
            return None

    def _take(self, request: Request, message: Message) -> None:
        now = self.monotonic()
        request.unanswered = 0
        if message.kind == "BUSY":  # R-RETRY-7
            retry_after = message["retry_after_ms"] / 1000
            request.not_before = now + retry_after
            request.send_at = max(request.send_at, now + jittered(retry_after))
            return
        if message.kind == "BEGIN_AGAIN" and message["server_time"] is not None:
            self.offset = message["server_time"] - self.wall()
            self.channel.correct(message["server_time"])
        if message.kind != "BEGIN_AGAIN" or self._is_old(request):
            request.answer = message
            self._measure(request, now)
            return
        self.identity = None  # R-AGAIN-1
        self._name(request)
        request.sendings = 0
        request.begun_again += 1
        if request.begun_again == 1:  # R-AGAIN-5
            request.send_at = max(now, request.not_before)

    def _measure(self, request: Request, now: float) -> None:
        if request.sendings == 1:  # R-RETRY-4
            self.round_trip.sample(now - request.sent_at)
        if request.kind in OPERATIONS and self.identity is not None:  # R-CLIENT-5
            self.identity.heard_monotonic, self.identity.heard_wall = now, self.wall()


def jittered(wait: float) -> float:
    """R-RETRY-3."""
    return wait * random.uniform(1.0, JITTER_MAX)


def answered(request: Request) -> Message:
    if request.answer is None:
        raise NoAnswer(request.kind)
    return request.answer
