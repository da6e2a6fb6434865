"""Listens to a cable as anybody on a network can, and tells what there was to learn.

Usage: capture.py INTERFACE WORD...

Prints `listening` when it does. When its standard input ends it prints one object: how many UDP datagrams
passed, which lengths they had, and how many of them had one of the words in them.
"""

from __future__ import annotations

import json
import select
import socket
import sys
from collections import Counter

ETHERNET_BYTES = 14
UDP = 17
UDP_BYTES = 8
EVERY_PROTOCOL = 0x0003


def payload(frame: bytes) -> bytes | None:
    """What a frame carries over UDP and IPv4, if it does."""
    packet = frame[ETHERNET_BYTES:]
    if frame[12:14] != b"\x08\x00" or len(packet) < 20 or packet[9] != UDP:
        return None
    head = (packet[0] & 0x0F) * 4
    length = int.from_bytes(packet[head + 4 : head + 6], "big")
    return packet[head + UDP_BYTES : head + length]


def main(interface: str, *words: str) -> None:
    needles = [word.encode() for word in words]
    lengths: Counter[int] = Counter()
    found = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL)) as cable:
        cable.bind((interface, 0))
        print("listening", flush=True)
        while True:
            ready, _, _ = select.select([cable, sys.stdin], [], [])
            if cable in ready:
                datagram = payload(cable.recv(65_535))
                if datagram is not None:
                    lengths[len(datagram)] += 1
                    found += any(needle in datagram for needle in needles)
            elif not sys.stdin.buffer.read(1):
                break
    print(json.dumps({"datagrams": sum(lengths.values()), "lengths": sorted(lengths), "found": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
