"""A network that loses and doubles datagrams: a forwarder in front of one server."""

from __future__ import annotations

import random
import select
import socket
import threading


class Lossy:
    """Forwards between any number of clients and one server until it is stopped."""

    def __init__(self, server: tuple[str, int], *, lost: float, doubled: float, seed: int) -> None:
        self.server = server
        self.lost = lost
        self.doubled = doubled
        self.random = random.Random(seed)
        self.dropped = 0
        self.forwarded = 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.behind: dict[socket.socket, tuple[str, int]] = {}
        self.stopped, self._stop = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.front.getsockname()
        return host, port

    def stop(self) -> None:
        self._stop.send(b"\0")
        self.thread.join()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self.stopped, self.front, *self.behind], [], [])
            if self.stopped in ready:
                return
            for come in ready:
                self._forward(come)

    def _forward(self, come: socket.socket) -> None:
        try:
            data, source = come.recvfrom(65_507)
        except OSError:
            return  # The server's port is closed for a moment: nothing came.
        out, to = (self._socket_of(source), self.server) if come is self.front else (self.front, self.behind[come])
        chance = self.random.random()
        copies = 0 if chance < self.lost else 2 if chance >= 1 - self.doubled else 1
        self.dropped += copies == 0
        self.forwarded += copies
        for _ in range(copies):
            out.sendto(data, to)

    def _socket_of(self, client: tuple[str, int]) -> socket.socket:
        """The socket that stands for this client before the server."""
        for out, known in self.behind.items():
            if known == client:
                return out
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.behind[out] = client
        return out
