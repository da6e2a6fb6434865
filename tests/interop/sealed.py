"""The client of sealed datagrams (chapter 23), a second time, and the stories that it plays.

Written from `proto-spec.md` and the Noise Protocol Framework, revision 34, alone. The mathematics is that of Debian's
`python3-nacl` and of the standard library; messages, retries and the rules of chapter 15 are those of `rollcall.py`.

Usage: sealed.py worked PROTO_SPEC
       sealed.py LINK [--address HOST:PORT] STORY
  open CLASS | mark CLASS STUDENT... | close CLASS | status
  room                      roles, a code, remarks, and what everybody may not do
  attendance [LOST DOUBLED SEED]
                            a roster, a plan, answers that arrive later, corrections, and who may not do that
  all [LOST DOUBLED SEED]   one whole roll call, through a network that loses and doubles datagrams if asked for
  restart CLASS             a roll call in whose middle a line of standard input is awaited; start the server anew then
  strict                    what a server has to refuse, and to answer with; not through a network that loses datagrams
  hostile                   what a client has to bear from a network that forges, changes and holds back datagrams
`--invite CODE` is an invite of an admin: the device that plays uses it, and makes a teacher of itself.
`--address` is where the server is reached, if not where the join link says.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import hmac
import math
import re
import secrets
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nacl.exceptions
from nacl import bindings

import rollcall
from lossy import Lossy
from rollcall import MAGIC, VERSION, Channel, Client, Message, Rejected, RoundTrip, Waits
from story import lesson, marks, shown

PROLOGUE = b"rollcall/1"
NOISE_NAME = b"Noise_IK_25519_ChaChaPoly_BLAKE2s"
HELLO, SEALED, RENEW, RETRY, WELCOME, SEALED_REPLY = 0x7D, 0x7E, 0xFB, 0xFC, 0xFD, 0xFE
KEY_BYTES = 32
HEADER_BYTES = 4
COOKIE_BYTES = 16
ECHO_BYTES = 16
FIRST_BYTES = 96
HELLO_BYTES = 256
WELCOME_BYTES = 244
TICKET_BYTES = 100
TICKET_KEY_ID_BYTES = 4
NONCE_BYTES = 24
TAG_BYTES = 16
SHORT_BYTES = 256
LONG_BYTES = 1200
SHORT_BODY_BYTES = 105
# The plain datagrams whose room an answer has (23.3).
SHORT_ROOM_BYTES = 217
LONG_ROOM_BYTES = 1161
AGE_MAX_MS = 2**32 - 1

HELLO_SPACING_S = 5.0
HELLO_RETRIES_MAX = 3
UNANSWERED_MAX = 3
TICKET_LIFE_MS = 120 * 60 * 1000
HELD_BACK_MAX_MS = 60_000


# --- The mathematics ----------------------------------------------------------------------------


def blake2s(data: bytes, key: bytes = b"", length: int = KEY_BYTES) -> bytes:
    return hashlib.blake2s(data, key=key, digest_size=length).digest()


def shared(secret: bytes, public: bytes) -> bytes:
    """X25519; a key with which the result is all zeros is refused (R-HELLO-6)."""
    try:
        result = bindings.crypto_scalarmult(secret, public)
    except nacl.exceptions.RuntimeError as refused:  # The library refuses some of them itself.
        raise Rejected("key") from refused
    if not any(result):
        raise Rejected("key")
    return result


def seal(key: bytes, nonce: bytes, data: bytes, before: bytes) -> bytes:
    """XChaCha20-Poly1305, with what stands before the seal as associated data."""
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(data, before, nonce, key)


def unseal(key: bytes, nonce: bytes, sealed: bytes, before: bytes) -> bytes:
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, before, nonce, key)
    except nacl.exceptions.CryptoError as broken:
        raise Rejected("seal") from broken


# --- Noise IK (the Noise Protocol Framework, revision 34) ---------------------------------------


class Noise:
    """A SymmetricState and its CipherState (chapters 5.1 and 5.2 there)."""

    def __init__(self) -> None:
        # The name has 33 bytes, one more than a hash, so that its hash stands for it.
        self.hash = self.chaining = blake2s(NOISE_NAME)
        self.key = b""
        self.nonce = 0

    def mix_hash(self, data: bytes) -> None:
        self.hash = blake2s(self.hash + data)

    def mix_key(self, material: bytes) -> None:
        """HKDF with two outputs (chapter 4.3 there)."""
        temporary = hmac.digest(self.chaining, material, "blake2s")
        self.chaining = hmac.digest(temporary, b"\x01", "blake2s")
        self.key = hmac.digest(temporary, self.chaining + b"\x02", "blake2s")
        self.nonce = 0

    def encrypt_and_hash(self, data: bytes) -> bytes:
        sealed = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(data, self.hash, self._next_nonce(), self.key)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        try:
            data = bindings.crypto_aead_chacha20poly1305_ietf_decrypt(sealed, self.hash, self._next_nonce(), self.key)
        except nacl.exceptions.CryptoError as broken:
            raise Rejected("seal") from broken
        self.mix_hash(sealed)
        return data

    def _next_nonce(self) -> bytes:
        self.nonce += 1
        return bytes(4) + (self.nonce - 1).to_bytes(8, "little")


class Initiator:
    """Who begins the handshake: `<- s ... -> e, es, s, ss <- e, ee, se`."""

    def __init__(self, device: Device, server_key: bytes, ephemeral: bytes = b"") -> None:
        self.device = device
        self.ephemeral = ephemeral or secrets.token_bytes(KEY_BYTES)
        self.noise = Noise()
        self.noise.mix_hash(PROLOGUE)
        self.noise.mix_hash(server_key)
        public = bindings.crypto_scalarmult_base(self.ephemeral)
        self.noise.mix_hash(public)
        self.noise.mix_key(shared(self.ephemeral, server_key))
        static = self.noise.encrypt_and_hash(device.public)
        self.noise.mix_key(shared(device.secret, server_key))
        self.first = public + static + self.noise.encrypt_and_hash(b"")

    def read_second(self, second: bytes) -> bytes:
        """The payload; a message that does not open leaves everything as it was, since the right one may still come."""
        noise = copy.copy(self.noise)
        ephemeral, sealed = second[:KEY_BYTES], second[KEY_BYTES:]
        noise.mix_hash(ephemeral)
        noise.mix_key(shared(self.ephemeral, ephemeral))
        noise.mix_key(shared(self.device.secret, ephemeral))
        return noise.decrypt_and_hash(sealed)


# --- Keys (23.1) --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Device:
    """Whoever holds this secret key."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES))

    @property
    def public(self) -> bytes:
        return bindings.crypto_scalarmult_base(self.secret)

    @property
    def name(self) -> bytes:
        """R-KEY-1."""
        return hashlib.sha256(b"rollcall/1 device" + self.public).digest()[:16]


@dataclass(frozen=True)
class JoinLink:
    """Where a server is and by which key it is known."""

    host: str
    port: int
    server_key: bytes

    FORM = re.compile(r"rollcall://(?P<host>\[[0-9A-Fa-f:.]+\]|[^][:/#]+):(?P<port>[0-9]{1,5})/#(?P<key>[a-z2-7]+)")
    KEY_LETTERS = 58
    CHECK_BYTES = 4

    @classmethod
    def parse(cls, written: str) -> JoinLink:
        match = cls.FORM.fullmatch(written)
        if match is None or len(match["key"]) != cls.KEY_LETTERS or not 1 <= int(match["port"]) <= 65_535:
            raise ValueError("not a join link")
        letters = match["key"].upper()
        padding = "=" * (-len(letters) % 8)
        data = base64.b32decode(letters + padding)
        # The last letter has bits to spare: written once more, so that one key has one link.
        if base64.b32encode(data).decode() != letters + padding:
            raise ValueError("not the base32 of a join link")
        key, check = data[:KEY_BYTES], data[KEY_BYTES:]
        if check != cls.check(key):
            raise ValueError("a join link with a letter that is wrong")
        return cls(match["host"].strip("[]"), int(match["port"]), key)

    @classmethod
    def check(cls, key: bytes) -> bytes:
        return hashlib.sha256(b"rollcall/1 link" + key).digest()[: cls.CHECK_BYTES]

    def written(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        letters = base64.b32encode(self.server_key + self.check(self.server_key)).decode().rstrip("=").lower()
        return f"rollcall://{host}:{self.port}/#{letters}"


def direction_key(secret: bytes, direction: bytes, server_key: bytes, device: Device) -> bytes:
    """R-KEY-2."""
    return blake2s(b"rollcall/1 " + direction + server_key + device.name, key=secret)


# --- The frames ---------------------------------------------------------------------------------


def header(kind: int) -> bytes:
    return MAGIC + bytes([VERSION, kind])


def hello_datagram(server_key: bytes, first: bytes, cookie: bytes, zeros: bytes = b"") -> bytes:
    zeros = zeros or bytes(HELLO_BYTES - HEADER_BYTES - COOKIE_BYTES - FIRST_BYTES - 16)
    covered = header(HELLO) + cookie + first + zeros
    return covered + blake2s(covered, key=blake2s(b"rollcall/1 mac" + server_key), length=16)  # R-HELLO-2


def plain_body(message: Message) -> bytes:
    """The body of the plain datagram without its padding, of which not even the length is left."""
    kind = rollcall.BY_NAME[message.kind]
    if not kind.is_request:
        return kind.body.write(message.fields)
    return kind.body.write(message.fields | {"padding": b""})[:-1]


def notice_echo(data: bytes, length: int) -> bytes:
    """What a `RETRY` or a `RENEW` echoes."""
    if len(data) != length:
        raise Rejected("length")
    rollcall.check_sum(data)
    return data[HEADER_BYTES : HEADER_BYTES + ECHO_BYTES]


@dataclass(frozen=True)
class Ticket:
    """What a `WELCOME` gives, and when it came."""

    ticket: bytes
    to_server: bytes
    to_client: bytes
    life: float
    received_at: float

    def sealed_request(self, body: bytes, kind: int, length: int, age_ms: int, fill: bytes = b"\0") -> bytes:
        before = header(SEALED) + self.ticket + secrets.token_bytes(NONCE_BYTES)
        inside = age_ms.to_bytes(4, "little") + len(body).to_bytes(2, "little") + bytes([kind]) + body
        inside += fill * (length - len(before) - TAG_BYTES - len(inside))
        return before + seal(self.to_server, before[-NONCE_BYTES:], inside, before)

    def open_reply(self, data: bytes) -> Message:
        """R-SEALED-2; what chapter 7 says is checked in the plain datagram of the same body."""
        before, sealed = data[: HEADER_BYTES + NONCE_BYTES], data[HEADER_BYTES + NONCE_BYTES :]
        inside = unseal(self.to_client, before[-NONCE_BYTES:], sealed, before)
        end = 3 + int.from_bytes(inside[:2], "little")
        if end > len(inside) or any(inside[end:]):
            raise Rejected("body")
        return rollcall.decode(rollcall.frame(VERSION, inside[2], inside[3:end]), "client")


# --- The client (23.4) --------------------------------------------------------------------------


@dataclass
class Handshake:
    """A `HELLO` that has no answer yet."""

    server_key: bytes
    noise: Initiator
    begun_at: float
    send_at: float
    waits: Waits = field(default_factory=Waits)
    retries: int = 0

    @property
    def echo(self) -> bytes:
        return self.noise.first[:ECHO_BYTES]


@dataclass
class SealedChannel(Channel):
    """One device before one server, of which nothing but what is sealed under its key is believed (R-CHANNEL-2)."""

    server_key: bytes
    device: Device = field(default_factory=Device)
    monotonic: Callable[[], float] = time.monotonic
    ticket: Ticket | None = None
    # Whose answers may still come: those to what was sent before the present ticket.
    ticket_before: Ticket | None = None
    next_server_key: bytes = bytes(KEY_BYTES)  # Zeros if it has told none.
    handshake: Handshake | None = None
    handshakes_in_vain: int = 0
    cookie: bytes = bytes(COOKIE_BYTES)
    tickets: int = 0
    hellos: int = 0

    def __post_init__(self) -> None:
        self.begun_at = -math.inf
        self.is_wanted = False  # Whether something has called for a handshake since the last ticket or answer.
        self.last_nonce = b""
        self.told_time, self.told_at = 0, 0.0

    # Handshakes.

    def is_ready(self) -> bool:
        return self.ticket is not None

    def hello(self, round_trip: RoundTrip) -> bytes | None:
        now = self.monotonic()
        if self.handshake is not None and now - self.handshake.begun_at >= HELLO_SPACING_S:  # R-CHANNEL-3
            self.handshake = None
            self.handshakes_in_vain += 1
        if self.handshake is None and now >= self._begins_at():
            self.begun_at = now
            is_next = self.handshakes_in_vain % 2 == 1 and any(self.next_server_key)  # R-CHANNEL-6
            key = self.next_server_key if is_next else self.server_key
            self.handshake = Handshake(key, Initiator(self.device, key), now, now)
            self.hellos += 1
        handshake = self.handshake
        if handshake is None or now < handshake.send_at:
            return None
        handshake.send_at = now + handshake.waits.next(round_trip)
        return hello_datagram(handshake.server_key, handshake.noise.first, self.cookie)

    def hello_at(self) -> float:
        if self.handshake is not None:
            return min(self.handshake.send_at, self.begun_at + HELLO_SPACING_S)
        return self._begins_at()

    def _begins_at(self) -> float:
        """When the next handshake is to begin: R-CHANNEL-1, and not before R-CHANNEL-3 lets it."""
        spaced = self.begun_at + HELLO_SPACING_S
        if self.ticket is None or self.is_wanted:
            return spaced
        return max(spaced, self.ticket.received_at + self.ticket.life * 3 / 4)

    # Requests.

    def seal(self, message: Message, length: int, unanswered: int) -> bytes:
        assert self.ticket is not None, "no request is sent before there is a ticket"
        self.is_wanted = self.is_wanted or unanswered > UNANSWERED_MAX  # R-CHANNEL-1
        body = plain_body(message)
        datagram_length = SHORT_BYTES if self.room(length) == SHORT_ROOM_BYTES else LONG_BYTES
        assert len(body) <= SHORT_BODY_BYTES, "no request of this version has a longer body"  # R-SEALED-4
        age_ms = min(round((self.monotonic() - self.ticket.received_at) * 1000), AGE_MAX_MS)
        data = self.ticket.sealed_request(body, rollcall.BY_NAME[message.kind].code, datagram_length, age_ms)
        self.last_nonce = data[HEADER_BYTES + TICKET_BYTES :][:NONCE_BYTES]
        return data

    def room(self, length: int) -> int:
        return SHORT_ROOM_BYTES if length <= SHORT_ROOM_BYTES else LONG_ROOM_BYTES  # R-SEALED-4

    def server_time(self) -> int:
        """R-CHANNEL-5."""
        return self.told_time + round((self.monotonic() - self.told_at) * 1000)

    def correct(self, server_time: int) -> None:
        """A `BEGIN_AGAIN` with a time is sealed as well, and tells it later than the `WELCOME`."""
        self.told_time, self.told_at = server_time, self.monotonic()

    # What comes.

    def open(self, data: bytes) -> Message | None:
        if len(data) < HEADER_BYTES or data[:3] != MAGIC + bytes([VERSION]):
            raise Rejected("header")
        if data[3] == SEALED_REPLY:
            return self._reply(data)
        if data[3] == WELCOME:
            self._welcome(data)
        elif data[3] == RETRY:
            self._retry(data)
        elif data[3] == RENEW:
            # Nobody can forge it who has not seen what was sent.
            self.is_wanted = self.is_wanted or notice_echo(data, 24) == self.last_nonce[:ECHO_BYTES]
        return None

    def _reply(self, data: bytes) -> Message:
        if len(data) not in (SHORT_BYTES, LONG_BYTES):
            raise Rejected("length")
        for ticket in (self.ticket, self.ticket_before):
            if ticket is None:
                continue
            with contextlib.suppress(Rejected):
                message = ticket.open_reply(data)
                self.is_wanted = self.is_wanted and ticket is not self.ticket
                return message
        raise Rejected("seal")

    def _retry(self, data: bytes) -> None:
        handshake = self.handshake
        if handshake is None or notice_echo(data, 40) != handshake.echo:
            return
        self.cookie = data[HEADER_BYTES + ECHO_BYTES :][:COOKIE_BYTES]
        handshake.retries += 1
        if handshake.retries <= HELLO_RETRIES_MAX:  # R-CHANNEL-4
            handshake.send_at = self.monotonic()

    def _welcome(self, data: bytes) -> None:
        now = self.monotonic()
        handshake = self.handshake
        if handshake is None or now - handshake.begun_at >= HELLO_SPACING_S:  # R-WELCOME-2
            return
        if len(data) != WELCOME_BYTES or data[HEADER_BYTES : HEADER_BYTES + ECHO_BYTES] != handshake.echo:
            return
        payload = rollcall.Reader(handshake.noise.read_second(data[HEADER_BYTES + ECHO_BYTES :]))
        ticket, secret = payload.take(TICKET_BYTES), payload.take(KEY_BYTES)
        server_time = int.from_bytes(payload.take(8), "little")
        life = int.from_bytes(payload.take(4), "little") / 1000
        self.next_server_key = payload.take(KEY_BYTES)
        self.server_key = handshake.server_key
        to_server = direction_key(secret, b"c2s", self.server_key, self.device)
        to_client = direction_key(secret, b"s2c", self.server_key, self.device)
        self.ticket_before = self.ticket
        self.ticket = Ticket(ticket, to_server, to_client, life, now)
        self.correct(server_time)
        self.tickets += 1
        self.handshake, self.handshakes_in_vain = None, 0
        self.is_wanted, self.last_nonce = False, b""


# The device that opens and closes; with `enrol` it is a teacher's.
TEACHER = Device()


def sealed_client(link: JoinLink, address: tuple[str, int], device: Device = TEACHER, **options: Any) -> Client:
    return Client(address, channel=SealedChannel(link.server_key, device), **options)


def channel_of(client: Client) -> SealedChannel:
    assert isinstance(client.channel, SealedChannel)
    return client.channel


# --- The story of one whole roll call -----------------------------------------------------------


def fresh_class() -> int:
    """A class that this server has never seen."""
    return 1_000_000_000 + secrets.randbelow(1_000_000_000)


def whole(link: JoinLink, address: tuple[str, int]) -> None:
    client = sealed_client(link, address)
    lesson(client, fresh_class())  # It closes the roll call and compares the sheet that it pulls.
    wall, told = rollcall.wall_clock_ms(), channel_of(client).server_time()
    assert abs(wall - told) < 60_000, f"one computer, and two times: {wall} and {told}"
    many_open(client)
    sent_twice(client)
    another_device(link, client)
    begun_again(client)
    channel = channel_of(client)
    print(f"sent {client.sent} datagrams, handshakes {channel.hellos}, tickets {channel.tickets}")


def many_open(client: Client) -> None:
    """More open roll calls than fit a short datagram: its room counts, not the least length of `STATUS`."""
    first = fresh_class()
    classes = [first + 7 * index for index in range(25)]
    for class_ in classes:
        assert client.open(class_)["already_open"] == 0
    page = client.ask("STATUS", {"from": first})
    assert page["more"] == 1 and len(page["open"]) >= (SHORT_ROOM_BYTES - 37) // 17
    assert [row["class"] for row in client.status(64) if row["class"] in classes] == classes
    assert [row["class"] for row in client.status() if row["class"] in classes] == classes
    for class_ in classes:
        assert client.close(class_)["already_closed"] == 0


def sent_twice(client: Client) -> None:
    """A mark under the number that it has had already, sealed anew: it gets the first answer and does nothing."""
    class_ = fresh_class()
    client.open(class_)
    first = client.mark(class_, "twice")
    assert first["standing"] == 0 and client.identity is not None
    name = client.identity.client
    client.identity.number -= 1
    again = client.mark(class_, "twice")
    assert again == first, f"{again} is not {first}"
    assert client.identity.client == name
    sheet = client.fetch(client.close(class_)["sheet"])
    assert marks(sheet) == [("twice", first["at"])]


def another_device(link: JoinLink, client: Client) -> None:
    """R-SEALED-6: the client id of one device, in the hand of another, is that of a client that nobody knows."""
    class_ = fresh_class()
    client.open(class_)
    assert client.identity is not None
    other = sealed_client(link, client.server, Device())
    other.identity = replace(client.identity)
    assert other.mark(class_, "other")["standing"] == 0
    assert other.identity.client != client.identity.client and other.identity.number == 1
    # And it has used up none of the first one's numbers.
    name = client.identity.client
    assert client.mark(class_, "first")["standing"] == 0
    assert client.identity.client == name
    client.close(class_)


def begun_again(client: Client) -> None:
    """R-JUDGE-8 and 9: told the time within a seal, a client begins again with that (R-AGAIN-1)."""
    class_ = fresh_class()
    client.open(class_)
    for student, wrong in (("behind", -3_600_000), ("ahead", 3_600_000)):
        client.identity = None
        channel = channel_of(client)
        channel.told_time += wrong
        assert client.mark(class_, student)["standing"] == 0
        assert abs(channel.server_time() - rollcall.wall_clock_ms()) < 60_000
    client.close(class_)


def across_restart(link: JoinLink, address: tuple[str, int], class_: int) -> None:
    """Tickets end with the memory of the server; the roll call, and the client's number, do not (23.4, 23.6)."""
    client = sealed_client(link, address)
    assert client.open(class_)["already_open"] == 0
    first = client.mark(class_, "before")
    assert client.identity is not None
    name, number, tickets = client.identity.client, client.identity.number, client.channel.tickets
    print("start the server anew now", flush=True)
    sys.stdin.readline()
    second = client.mark(class_, "after")
    assert (first["standing"], second["standing"]) == (0, 0)
    assert (client.identity.client, client.identity.number) == (name, number + 1), "another name for one operation"
    assert client.channel.tickets > tickets, "the server knows a ticket of before its start"
    sheet = client.fetch(client.close(class_)["sheet"])
    assert marks(sheet) == [("before", first["at"]), ("after", second["at"])]
    print(f"tickets {client.channel.tickets}, handshakes {channel_of(client).hellos}")


# --- What a server has to refuse, datagram by datagram ------------------------------------------


class Wire:
    """A socket from which single datagrams go out, and on which everything that comes in return is seen."""

    SILENCE_S = 0.4
    ANSWER_S = 5.0

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def answers(self, data: bytes, count: int = 1) -> list[bytes]:
        """All that comes: until there is silence for a while, and at least for as long as too few have come."""
        self.socket.sendto(data, self.address)
        come: list[bytes] = []
        until = time.monotonic() + (self.ANSWER_S if count else self.SILENCE_S)
        while select.select([self.socket], [], [], max(until - time.monotonic(), 0.0))[0]:
            come.append(self.socket.recv(rollcall.UDP_PAYLOAD_MAX_BYTES))
            if len(come) >= count:
                until = time.monotonic() + 0.05
        assert len(come) == count, f"{len(come)} answers and not {count}"
        return come


def strict(link: JoinLink, address: tuple[str, int]) -> None:
    links_judged(link)
    wire = Wire(address)
    hellos_judged(link, wire)
    client = sealed_client(link, address)
    assert isinstance(client.status(), list)
    requests_judged(client, wire)
    ages_judged(client, wire)
    tickets_judged(client, wire)
    lengths_kept(client, wire)
    blocks_sealed(client, wire)
    print("everything was refused and answered as it has to be")


def links_judged(link: JoinLink) -> None:
    """23.1: a letter that is wrong is noticed, wherever it stands; so is what is not written as it has to be."""
    written = link.written()
    assert JoinLink.parse(written) == link
    begin, key = written.split("#")
    wrong = [key[:at] + ("b" if letter == "a" else "a") + key[at + 1 :] for at, letter in enumerate(key)]
    for letters in [*wrong, key[:-1], key + "a", key.upper(), key + "======", ""]:
        try:
            JoinLink.parse(f"{begin}#{letters}")
        except ValueError:
            continue
        raise AssertionError(f"{letters} was taken for the key of a join link")


def hellos_judged(link: JoinLink, wire: Wire) -> None:
    key, no_cookie = link.server_key, bytes(COOKIE_BYTES)
    noise = Initiator(Device(), key)
    good = hello_datagram(key, noise.first, no_cookie)
    zeros = HELLO_BYTES - HEADER_BYTES - COOKIE_BYTES - FIRST_BYTES - 16
    small = bytes(KEY_BYTES)  # Of order one or so: every shared secret with it is all zeros.
    refused = {
        "R-HELLO-1, too short": hello_datagram(key, noise.first, no_cookie, bytes(zeros - 1)),
        "R-HELLO-1, too long": hello_datagram(key, noise.first, no_cookie, bytes(zeros + 1)),
        "R-HELLO-1, not zeros": hello_datagram(key, noise.first, no_cookie, bytes(zeros - 1) + b"\1"),
        "R-HELLO-2": good[:-1] + bytes([good[-1] ^ 1]),
        "R-HELLO-6": hello_datagram(key, small + noise.first[KEY_BYTES:], no_cookie),
        "does not open": hello_datagram(key, noise.first[:-1] + bytes([noise.first[-1] ^ 1]), no_cookie),
        "another server's": hello_datagram(
            key, Initiator(Device(), bindings.crypto_scalarmult_base(secrets.token_bytes(32))).first, no_cookie
        ),
    }
    for why, data in refused.items():
        with said(why):
            wire.answers(data, 0)
    with said("R-WELCOME-1"):
        # Twice the same, and once with a cookie that nobody made, which is no reason for silence.
        with_cookie = hello_datagram(key, noise.first, secrets.token_bytes(COOKIE_BYTES))
        come = [wire.answers(data)[0] for data in (good, good, with_cookie)]
        assert {data[:20] for data in come} == {header(WELCOME) + noise.first[:ECHO_BYTES]}
        assert {len(data) for data in come} == {WELCOME_BYTES}
        payloads = [noise.read_second(data[20:]) for data in come]
        assert len({data[20:52] for data in come}) == 3, "an ephemeral key twice"
        assert len({payload[100:132] for payload in payloads}) == 3, "a secret twice"
        assert {payload[140:144] for payload in payloads} == {TICKET_LIFE_MS.to_bytes(4, "little")}


@contextlib.contextmanager
def said(why: str) -> Iterator[None]:
    """Names the rule that a failed check was about."""
    try:
        yield
    except (AssertionError, Rejected) as failed:
        raise AssertionError(f"{why}: {failed}") from failed


def ticket_of(client: Client) -> Ticket:
    ticket = channel_of(client).ticket
    assert ticket is not None
    return ticket


def age_of(ticket: Ticket) -> int:
    return round((time.monotonic() - ticket.received_at) * 1000)


def status_message(first: int = 1, number: int = 1) -> Message:
    return Message("STATUS", {"attempt": 1, "client": bytes(16), "number": number, "from": first})


def requests_judged(client: Client, wire: Wire) -> None:
    """R-SEALED-1 and R-SEALED-2: what stands in a seal that opens."""
    ticket = ticket_of(client)
    status = plain_body(status_message())

    def sealed(body: bytes, kind: int = 0x11, length: int = SHORT_BYTES, fill: bytes = b"\0") -> bytes:
        return ticket.sealed_request(body, kind, length, age_of(ticket), fill)

    files = plain_body(Message("FILES", {"attempt": 1, "client": bytes(16), "number": 1, "from": 0}))
    refused = {
        "a byte too short": sealed(status, length=SHORT_BYTES - 1),
        "a byte too long": sealed(status, length=SHORT_BYTES + 1),
        "neither short nor long": sealed(status, length=700),
        "too long for any datagram": sealed(status, length=LONG_BYTES + 1),
        "not zeros behind the body": sealed(status, fill=b"\1"),
        "an empty padding left in": sealed(status + b"\0"),
        "a body cut off": sealed(status[:-1]),
        "class zero": sealed(status[:-1] + b"\0"),
        "not canonical": sealed(status[:-1] + b"\x81\x00"),
        "an answer": sealed(bytes(16) + b"\1", kind=0xA1),
        "a sealed kind within a seal": sealed(status, kind=SEALED),
        "a kind that nobody has": sealed(status, kind=0x55),
        "least length 1,161 in a short one": sealed(files, kind=0x13),
    }
    before = sealed(status)[: HEADER_BYTES + TICKET_BYTES + NONCE_BYTES]
    inside = age_of(ticket).to_bytes(4, "little") + (SHORT_BODY_BYTES + 1).to_bytes(2, "little") + b"\x11" + status
    inside += bytes(7 + SHORT_BODY_BYTES - len(inside))
    refused["a length past the end"] = before + seal(ticket.to_server, before[-NONCE_BYTES:], inside, before)
    for why, data in refused.items():
        with said(f"R-SEALED-2, {why}"):
            wire.answers(data, 0)
    for length in (SHORT_BYTES, LONG_BYTES):
        with said(f"R-SEALED-5, {length}"):
            (answer,) = wire.answers(sealed(status, length=length))
            assert len(answer) == length and ticket.open_reply(answer).kind == "STATUS_LIST"
    with said("the same datagram twice"):
        data = sealed(status)
        first, second = wire.answers(data)[0], wire.answers(data)[0]
        assert first[4:28] != second[4:28], "a nonce twice"
        assert ticket.open_reply(first) == ticket.open_reply(second)


def ages_judged(client: Client, wire: Wire) -> None:
    """R-SEALED-3, with some seconds to spare for what the handshake took."""
    ticket = ticket_of(client)
    body = plain_body(status_message())
    for off, is_taken in ((-70_000, False), (-50_000, True), (0, True), (50_000, True), (70_000, False)):
        if age_of(ticket) + off < 0:
            continue  # No age is below zero, and this ticket is young: too young an age cannot be said yet.
        data = ticket.sealed_request(body, 0x11, SHORT_BYTES, age_of(ticket) + off)
        with said(f"R-SEALED-3, {off}"):
            (answer,) = wire.answers(data)
            assert (answer[3] == SEALED_REPLY) == is_taken
            assert is_taken or is_renew_of(answer, data)
    with said("R-SEALED-3, as old as can be"):
        data = ticket.sealed_request(body, 0x11, SHORT_BYTES, AGE_MAX_MS)
        assert is_renew_of(wire.answers(data)[0], data)


def is_renew_of(answer: bytes, data: bytes) -> bool:
    return answer[:4] == header(RENEW) and notice_echo(answer, 24) == data[104:120]


def tickets_judged(client: Client, wire: Wire) -> None:
    """R-SEALED-1, in its order."""
    ticket = ticket_of(client)
    data = ticket.sealed_request(plain_body(status_message()), 0x11, SHORT_BYTES, age_of(ticket))

    def changed(at: int) -> bytes:
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    with said("R-SEALED-1, the key of the ticket is not known"):
        unknown = changed(HEADER_BYTES)
        assert is_renew_of(wire.answers(unknown)[0], unknown)
    with said("R-SEALED-1, the length comes before the key"):
        wire.answers(unknown[:-1], 0)
    places = {
        "its ticket's nonce": HEADER_BYTES + TICKET_KEY_ID_BYTES,
        "its ticket's end": HEADER_BYTES + TICKET_BYTES - 1,
        "its nonce": HEADER_BYTES + TICKET_BYTES,
        "its seal": HEADER_BYTES + TICKET_BYTES + NONCE_BYTES,
        "its end": len(data) - 1,
    }
    for why, place in places.items():
        with said(f"R-SEALED-1, a bit of {why}"):
            wire.answers(changed(place), 0)
    with said("R-SEALED-1"):
        (answer,) = wire.answers(data)
        assert ticket.open_reply(answer).kind == "STATUS_LIST"


def lengths_kept(client: Client, wire: Wire) -> None:
    """R-SEALED-5 and R-SIZE-4: a `MARK` in a long datagram is read, and answered in a long one, twice the same."""
    ticket = ticket_of(client)
    class_ = fresh_class()
    client.open(class_)
    name = secrets.token_bytes(16)
    fields = {"client": name, "number": 1, "started": channel_of(client).server_time(), "class": class_}
    replies = []
    for attempt, length in ((1, LONG_BYTES), (2, SHORT_BYTES), (3, SHORT_BYTES)):
        body = plain_body(Message("MARK", fields | {"attempt": attempt, "student": "long", "code": None}))
        (answer,) = wire.answers(ticket.sealed_request(body, 0x03, length, age_of(ticket)))
        with said("R-SEALED-5"):
            assert len(answer) == length
        replies.append(ticket.open_reply(answer))
    assert replies[0] == replies[1] == replies[2] and replies[0]["standing"] == 0
    client.close(class_)


def blocks_sealed(client: Client, wire: Wire) -> None:
    """Chapter 22 within seals: one cookie, then a short request gets long blocks, and a short one for what is left."""
    class_ = fresh_class()
    client.open(class_)
    # Of another device: nothing is remarked, and the sheet is as short as it can be.
    student = Client(client.server, channel=SealedChannel(channel_of(client).server_key))
    for number in range(70):
        student.mark(class_, f"04{number:07}")
    brief = client.close(class_)["sheet"]
    left = brief["bytes"] - rollcall.BLOCK_BYTES
    assert 0 < left < 150, f"a sheet of {brief['bytes']} bytes is no use here"
    ticket = ticket_of(client)
    name = secrets.token_bytes(16)

    def pull(number: int, cookie: bytes, wanted: int, length: int, count: int) -> list[tuple[int, Message]]:
        fields = {"attempt": 1, "client": name, "number": number, "object": brief["content"],
                  "cookie": cookie, "first": 0, "wanted": wanted}  # fmt: skip
        data = ticket.sealed_request(plain_body(Message("PULL", fields)), 0x15, length, age_of(ticket))
        return [(len(answer), ticket.open_reply(answer)) for answer in wire.answers(data, count)]

    with said("R-COOKIE-1"):
        ((length, message),) = pull(1, bytes(16), 0b11, SHORT_BYTES, 1)
        assert (length, message.kind) == (SHORT_BYTES, "COOKIE")
        cookie = message["cookie"]
        ((length, message),) = pull(2, bytes(16), 0b11, LONG_BYTES, 1)
        assert (length, message.kind) == (LONG_BYTES, "COOKIE")
        ((length, message),) = pull(3, bytes(16), 0b1, SHORT_BYTES, 1)
        assert (length, message.kind) == (SHORT_BYTES, "COOKIE")
    with said("R-COOKIE-1, a lone block in a long request"):
        ((length, message),) = pull(4, bytes(16), 0b1, LONG_BYTES, 1)
        assert (length, message.kind, message["index"]) == (LONG_BYTES, "PULLED", 0)
    with said("R-SEALED-5, blocks"):
        blocks = pull(5, cookie, 0b11, SHORT_BYTES, 2)
        assert [(length, message["index"]) for length, message in blocks] == [(LONG_BYTES, 0), (SHORT_BYTES, 1)]
        data = b"".join(message["data"] for _, message in blocks)
        assert hashlib.sha256(data).digest() == brief["content"]
        blocks = pull(6, cookie, 0b11, LONG_BYTES, 2)
        assert [length for length, _ in blocks] == [LONG_BYTES, LONG_BYTES]


# --- What a client has to bear ------------------------------------------------------------------


class Hostile(Lossy):
    """A network whose owner reads what is not sealed, and answers, changes and keeps back what it likes."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(server, lost=0.0, doubled=0.0, seed=0)
        self.retries = self.held = 0
        self.forges = False
        self.seen: list[tuple[float, bytes]] = []

    def hellos(self) -> list[tuple[float, bytes]]:
        return [(at, data) for at, data in self.seen if data[3] == HELLO]

    def _forward(self, come: socket.socket) -> None:
        try:
            data, source = come.recvfrom(rollcall.UDP_PAYLOAD_MAX_BYTES)
        except OSError:
            return
        if come is not self.front:
            self._to_client(data, self.behind[come])
            return
        self.seen.append((time.monotonic(), data))
        if data[3] == HELLO and self.retries:
            self.retries -= 1
            echo = data[HEADER_BYTES + COOKIE_BYTES :][:ECHO_BYTES]
            for wrong in (bytes(16), echo):  # The first of them echoes nothing that was sent.
                covered = header(RETRY) + wrong + secrets.token_bytes(COOKIE_BYTES)
                self.front.sendto(covered + rollcall.sum_of(covered), source)
            return
        self._socket_of(source).sendto(data, self.server)

    def _to_client(self, data: bytes, client: tuple[str, int]) -> None:
        if self.held:
            self.held -= 1
            return
        if self.forges:
            renew = header(RENEW) + secrets.token_bytes(ECHO_BYTES)
            forged = [
                rollcall.frame(VERSION, 0xA1, bytes(16) + b"\1"),
                rollcall.encode_versions(b"\2"),
                renew + rollcall.sum_of(renew),
                header(RENEW),
                b"",
                data[:-1],
                data + b"\0",
                *(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (0, 2, 3, 4, 27, 28, len(data) - 1)),
            ]
            for datagram in forged:
                self.front.sendto(datagram, client)
        self.front.sendto(data, client)


def hostile(link: JoinLink, address: tuple[str, int]) -> None:
    network = Hostile(address)
    try:
        retries_borne(link, network)
        silence_borne(link, network)
        renewed_in_time(link, network)
        forgeries_borne(link, network)
        next_key_tried(link, network)
    finally:
        network.stop()
    print("the client has borne everything")


def retries_borne(link: JoinLink, network: Hostile) -> None:
    """R-CHANNEL-4: three at once, and further ones only when it is time; each with the cookie that came last."""
    network.seen.clear()
    network.retries = 6
    client = sealed_client(link, network.address)
    client.status()
    hellos = network.hellos()
    assert len(hellos) == 7 and len({data[20:116] for _, data in hellos}) == 1, "one handshake, sent again as it is"
    assert len({data[4:20] for _, data in hellos}) == 7, "a new cookie each time"
    waits = [after - before for (before, _), (after, _) in zip(hellos, hellos[1:])]
    assert max(waits[:3]) < rollcall.RETRY_MIN_S <= min(waits[3:]), waits


def silence_borne(link: JoinLink, network: Hostile) -> None:
    """R-CHANNEL-3 and R-WELCOME-2: the same `HELLO` for 5 s, then another one; the client has no ticket before."""
    network.seen.clear()
    network.held = 10**6
    client = sealed_client(link, network.address, deadline=HELLO_SPACING_S + 1)
    try:
        client.mark(fresh_class(), "nobody")
        raise AssertionError("answered through a dead network")
    except rollcall.NeverSent:
        assert client.pending is None and client.identity is None
    hellos = network.hellos()
    assert hellos == network.seen, "something was sent that is no HELLO"
    first = hellos[0][1][20:116]
    ends = [at - hellos[0][0] for at, data in hellos if data[20:116] == first]
    begins = [at - hellos[0][0] for at, data in hellos if data[20:116] != first]
    assert len({data[20:116] for _, data in hellos}) == 2, "two handshakes in 6 s"
    assert len(ends) > 5 and max(ends) < HELLO_SPACING_S <= min(begins) + 0.01, (ends, begins)
    network.held = 0
    client.deadline = rollcall.DEADLINE_DEFAULT_S
    client.status()

    # Answers that do not come: a handshake after three sendings, with the old ticket in use meanwhile (R-CHANNEL-1).
    time.sleep(max(channel_of(client).begun_at + HELLO_SPACING_S - time.monotonic(), 0.0))
    network.seen.clear()
    network.held = 4
    tickets = client.channel.tickets
    client.status()
    kinds = [data[3] for _, data in network.seen]
    assert kinds[:5] == [SEALED, SEALED, SEALED, SEALED, HELLO], kinds
    assert client.channel.tickets == tickets + 1


def renewed_in_time(link: JoinLink, network: Hostile) -> None:
    """R-CHANNEL-1: at three quarters of a ticket's life, with the old ticket in use until there is a new one."""
    client = sealed_client(link, network.address)
    channel = channel_of(client)
    client.status()
    time.sleep(HELLO_SPACING_S)
    network.seen.clear()
    ticket = ticket_of(client)
    client.status()
    assert channel.tickets == 1 and not network.hellos()
    channel.ticket = replace(ticket, life=age_of(ticket) / 1000)
    network.held = 1  # The first that comes back now: the answer, or the WELCOME.
    client.status()
    kinds = [data[3] for _, data in network.seen]
    assert kinds[:3] == [SEALED, SEALED, HELLO] and channel.tickets == 2, kinds
    assert network.seen[1][1][HEADER_BYTES:][:TICKET_BYTES] == ticket.ticket, "the old ticket was not in use"
    assert network.seen[-1][1][HEADER_BYTES:][:TICKET_BYTES] == ticket_of(client).ticket != ticket.ticket


def next_key_tried(link: JoinLink, network: Hostile) -> None:
    """R-CHANNEL-6: a client that knows the server by the key before the one that it has by now."""
    network.seen.clear()
    key_before = bindings.crypto_scalarmult_base(secrets.token_bytes(KEY_BYTES))
    client = Client(network.address, channel=SealedChannel(key_before, next_server_key=link.server_key))
    client.status()
    channel = channel_of(client)
    assert (channel.server_key, channel.hellos, channel.tickets) == (link.server_key, 2, 1)
    firsts = [data[20:116] for _, data in network.hellos()]
    assert len(set(firsts)) == 2 and len(set(firsts[:-1])) == 1


def forgeries_borne(link: JoinLink, network: Hostile) -> None:
    """R-CHANNEL-2: nothing that is not sealed under the server's key is believed, nor calls for a handshake."""
    network.seen.clear()
    network.forges = True
    client = sealed_client(link, network.address)
    class_ = fresh_class()
    client.open(class_)
    marked = client.mark(class_, "one")
    assert marks(client.fetch(client.close(class_)["sheet"])) == [("one", marked["at"])]
    network.forges = False
    assert channel_of(client).hellos == client.channel.tickets == 1
    assert {data[3] for _, data in network.seen} == {HELLO, SEALED}, "something plain was sent"
    assert {len(data) for _, data in network.seen} == {SHORT_BYTES, LONG_BYTES}


# --- The command line ---------------------------------------------------------------------------


# --- The worked handshake (appendix E) ----------------------------------------------------------


def worked(specification: str) -> None:
    block = specification.split("```sealed\n")[1].split("```")[0]
    values: dict[str, bytes] = {}
    for line in block.splitlines():
        if line.startswith(" "):
            values[name] += bytes.fromhex(line.strip())
        else:
            name = line.removesuffix(" =")
            values[name] = b""
    device = Device(values["device, secret"])
    server_key = bindings.crypto_scalarmult_base(values["server, secret"])
    same(server_key, values["server, public"])
    same(device.name, values["device"])
    noise = Initiator(device, server_key, values["ephemeral of the client, secret"])
    same(hello_datagram(server_key, noise.first, bytes(COOKIE_BYTES)), values["HELLO"])
    welcome = values["WELCOME"]
    same(welcome[: HEADER_BYTES + ECHO_BYTES], header(WELCOME) + noise.first[:ECHO_BYTES])
    payload = noise.read_second(welcome[HEADER_BYTES + ECHO_BYTES :])
    secret = payload[TICKET_BYTES : TICKET_BYTES + KEY_BYTES]
    same(secret, values["secret of the ticket"])
    to_server, to_client = (direction_key(secret, direction, server_key, device) for direction in (b"c2s", b"s2c"))
    same(to_server, values["key to the server"])
    same(to_client, values["key to the client"])
    sealed = values["SEALED"]
    end = HEADER_BYTES + TICKET_BYTES + NONCE_BYTES
    same(sealed[: HEADER_BYTES + TICKET_BYTES], header(SEALED) + payload[:TICKET_BYTES])
    inside = unseal(to_server, sealed[end - NONCE_BYTES : end], sealed[end:], sealed[:end])
    same(inside[:4], (250).to_bytes(4, "little"))
    length = int.from_bytes(inside[4:6], "little")
    asked = Message("MARK", {"attempt": 1, "client": bytes([0x55]) * 16, "number": 1, "started": 1_795_353_485_000,
                             "class": 3030, "student": "042191010", "code": None})
    same(inside[6 : 7 + length], bytes([rollcall.BY_NAME["MARK"].code]) + plain_body(asked))
    ticket = Ticket(payload[:TICKET_BYTES], to_server, to_client, math.inf, 0.0)
    answer = ticket.open_reply(values["SEALED_REPLY"])
    same((answer.kind, answer["class"], answer["at"]), ("MARKED", 3030, 1_795_353_485_000))
    print("the worked handshake is as it stands there")


def same(found: Any, expected: Any) -> None:
    if found != expected:
        raise AssertionError(f"{found!r} in place of {expected!r}")


# --- Who may do what (chapter 24) ---------------------------------------------------------------


def code_bytes(written: str) -> bytes:
    return base64.b32decode(written.replace("-", ""))


def invite_name(code: bytes) -> bytes:
    return hashlib.sha256(b"rollcall/1 invite" + code).digest()[:16]


def staff(role: int, name: str) -> dict[str, Any]:
    return {"which": 0, "role": role, "name": name}


def act(client: Client, which: int, **fields: Any) -> Message:
    return client.operate("ACT", {"act": {"which": which} | fields})


def enrol(client: Client, written: str) -> None:
    """The invite of an admin is used; the admin invites itself as a teacher, and uses that invite."""
    joined = client.operate("JOIN", {"code": code_bytes(written)})
    assert joined.kind == "JOINED" and joined["guest"]["role"] == 0, joined
    code = secrets.token_bytes(10)
    same_person = staff(1, joined["guest"]["name"])
    acted = act(client, 0, invite=invite_name(code), guest=same_person)
    assert (acted.kind, acted["count"]) == ("ACTED", 1), acted
    assert client.operate("JOIN", {"code": code})["guest"] == same_person


def room(link: JoinLink, address: tuple[str, int]) -> None:
    teacher = sealed_client(link, address)
    bia, eva = (sealed_client(link, address, Device()) for _ in range(2))
    class_ = fresh_class()
    assert bia.open(class_)["reason"] == 7  # not_a_teacher
    assert act(bia, 2, student="bia")["reason"] == 8  # not_an_admin
    for kind, fields in (("PEOPLE", {"after": None}), ("ACTS", {"at_most": 2**64 - 1})):
        assert bia.ask(kind, fields)["reason"] == 8
    teacher.open(class_, {"who": 1, "strict": 0, "code": 1})
    assert bia.ask("ROOM", {"class": class_})["reason"] == 1  # as if nothing were open
    assert [row for row in bia.status() if row["class"] == class_] == []

    def code() -> int:
        shown: int = teacher.ask("ROOM", {"class": class_})["code"]
        return shown

    refused = rollcall.STANDING_REFUSED
    assert bia.mark(class_, "bia")["standing"] == refused + 19  # code_needed
    assert bia.mark(class_, "bia", (code() + 500_000) % 1_000_000)["standing"] == refused + 20  # wrong_code
    assert bia.mark(class_, "bia", code())["standing"] == 0
    assert eva.mark(class_, "bia", code())["standing"] == 1
    assert eva.mark(class_, "eva", code())["standing"] == 0
    assert teacher.mark(class_, "leo")["standing"] == 0
    state = teacher.ask("ROOM", {"class": class_})
    assert (state["present"], state["remarked"], state["wrong_codes"]) == (3, 2, 1)
    drawn = teacher.ask("SPOT", {"class": class_, "count": 2})["drawn"]
    assert {row["student"] for row in drawn} == {"bia", "eva"}, "suspicious ones first"
    assert act(teacher, 5, **{"class": class_, "student": "eva", "there": 0})["count"] == 1
    for client in (bia, eva):
        assert client.close(class_)["reason"] == 7
    sheet = teacher.fetch(teacher.close(class_)["sheet"])
    assert [mark["student"] for mark in sheet["marks"]] == ["bia", "eva", "leo"]
    assert sheet["remarks"] == [{"place": place, "remarks": remarks} for place, remarks in ((0, 1), (1, 34), (2, 4))]
    assert bia.history(class_) == [], "as if there were no sheets"
    (mine,) = bia.ask("MINE", {"skip": 0})["marks"]
    assert (mine["class"], mine["student"]) == (class_, "bia")
    people = teacher.ask("PEOPLE", {"after": None})["devices"]
    assert [person["device"] for person in people] == [TEACHER.name]
    acts = teacher.ask("ACTS", {"at_most": 2**64 - 1})["acts"]
    assert acts[0]["deed"]["act"] == {"which": 5, "class": class_, "student": "eva", "there": 0}
    assert act(teacher, 1, device=channel_of(eva).device.name)["count"] == 1
    assert eva.mark(class_, "eva").kind == "REVOKED" == eva.ask("STATUS", {"from": 1}).kind
    assert bia.operate("JOIN", {"code": secrets.token_bytes(10)})["reason"] == 11  # invite_unknown
    print("everybody could do what they may, and nothing else")


def attendance(link: JoinLink, address: tuple[str, int]) -> None:
    """Chapter 25 where it counts who asks."""
    teacher, bia = sealed_client(link, address), sealed_client(link, address, Device())
    class_, refused = fresh_class(), rollcall.STANDING_REFUSED
    edits = [
        {"which": 0, "listed": {"student": student, "name": name, "group": group}}
        for student, name, group in (("bia", "Bia", None), ("eva", "Eva Sá", "A"))
    ]
    assert bia.enrol(class_, 0, 1, edits)["reason"] == 7  # not_a_teacher
    assert teacher.enrol(class_, 0, 1, edits)["students"] == 2

    code = secrets.token_bytes(10)
    invited = {"class": class_, "invite": invite_name(code)}
    assert act(bia, 6, **invited, student="bia")["reason"] == 9  # not_your_class
    assert act(teacher, 6, **invited, student="leo")["reason"] == 17  # unknown_student: not on the roster
    assert act(teacher, 6, **invited, student="bia")["count"] == 0
    assert bia.operate("JOIN", {"code": code})["guest"] == {"which": 1, "student": "bia"}

    plan = {"closes_after_s": 600, "late_after_s": None, "lessons": 1, "accept_delayed_s": 600, "title": "Redes"}
    terms = {"who": 1, "strict": 0, "code": 1}
    opened = teacher.operate("PLAN", {"class": class_, "terms": terms, "plan": plan})
    assert opened["already_open"] == 0
    for told in (bia.extend(class_, 60), bia.correct(class_, "bia", "present"), bia.reopen(class_), bia.watch(class_)[0]):
        assert (told.kind, told["reason"]) == ("REFUSED", 7)
    page, entries = teacher.watch(class_)
    assert (page["expected"], page["title"], entries) == (2, "Redes", [])

    def deliver(shown: int | None, delay_ms: int) -> int:
        fields = {"class": class_, "student": "bia", "code": shown, "delay_ms": delay_ms}
        standing: int = bia.operate("DELIVER", fields)["standing"]
        return standing

    def shown() -> int:
        it: int = teacher.ask("ROOM", {"class": class_})["code"]
        return it

    assert deliver(None, 0) == refused + 19  # code_needed
    assert deliver(shown(), 400_000) == refused + 26  # too_late: before the roll call was opened
    assert deliver((shown() + 500_000) % 1_000_000, 0) == refused + 20  # wrong_code
    assert deliver(shown(), 0) == 0 and deliver(shown(), 0) == 1
    corrected = teacher.correct(class_, "eva", "excused", reason="medical note")
    assert (corrected["was"], corrected["revision"]) == (3, 0)
    first = teacher.close(class_)["sheet"]
    sheet = teacher.fetch(first)
    assert rollcall.statuses(sheet) == {"bia": "present", "eva": "excused"}
    (entry,) = sheet["supplement"]["trail"]
    assert entry["by"] == "Rui" and entry["reason"] == "medical note"

    # After the close: a teacher's word is remarked, and everything stays with who held the class.
    assert teacher.correct(class_, "leo", "late")["revision"] == 2
    second = teacher.last_sheet(class_)
    assert second is not None and rollcall.statuses(second)["leo"] == "late"
    assert second["remarks"][-1] == {"place": 1, "remarks": 4}
    assert teacher.reopen(class_)["opened_at"] == opened["opened_at"]
    assert bia.mark(class_, "bia", shown())["standing"] == 1 and shown() is not None
    third = teacher.close(class_)["sheet"]
    assert rollcall.statuses(teacher.fetch(third)) == {"bia": "present", "eva": "excused", "leo": "late"}
    assert [row["revision"] for row in teacher.revisions(class_)] == [3, 2, 1]
    assert teacher.fetch(first) == sheet and teacher.roster(class_)["version"] == 1
    assert bia.revisions(class_) == [] and bia.ask("ROSTER", {"class": class_})["reason"] == 7
    (mine,) = bia.ask("MINE", {"skip": 0})["marks"]
    assert (mine["class"], mine["student"]) == (class_, "bia")
    print("what was planned, corrected and opened again is as it should be, and for nobody else")


def play(link: JoinLink, address: tuple[str, int], invite: str | None, story: str, *arguments: str) -> None:
    client = sealed_client(link, address)
    if invite:
        enrol(client, invite)
    if story == "room":
        room(link, address)
    elif story in ("all", "attendance"):
        lost, doubled, seed = [*arguments, "0", "0", "0"][:3]
        network = Lossy(address, lost=float(lost), doubled=float(doubled), seed=int(seed))
        plays = whole if story == "all" else attendance
        plays(link, network.address if float(lost) or float(doubled) else address)
        network.stop()
    elif story == "restart":
        across_restart(link, address, int(arguments[0]))
    elif story == "strict":
        strict(link, address)
    elif story == "hostile":
        hostile(link, address)
    elif story == "open":
        print(shown(client.open(int(arguments[0]))))
    elif story == "mark":
        for student in arguments[1:]:
            print(shown(client.mark(int(arguments[0]), student)))
    elif story == "status":
        for row in client.status():
            print(row["class"], row["opened_at"], row["present"])
    elif story == "close":
        closed = client.close(int(arguments[0]))
        if closed.kind == "REFUSED":
            print(shown(closed))
            return
        for student, at in marks(client.fetch(closed["sheet"])):
            print(student, at)
    else:
        raise SystemExit(__doc__)


def main(*arguments: str) -> None:
    words = list(arguments)
    if words[:1] == ["worked"]:
        worked(Path(words[1]).read_text(encoding="utf-8"))
        return
    flags = {"--address": None, "--invite": None}
    for flag in flags:
        if flag in words:
            at = words.index(flag)
            flags[flag] = words[at + 1]
            del words[at : at + 2]
    given = flags["--address"]
    if len(words) < 2:
        raise SystemExit(__doc__)
    link = JoinLink.parse(words[0])
    host, port = given.rsplit(":", 1) if given else (link.host, str(link.port))
    play(link, (socket.gethostbyname(host), int(port)), flags["--invite"], *words[1:])


if __name__ == "__main__":
    main(*sys.argv[1:])
