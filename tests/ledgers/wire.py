"""Counts what a service asks of PostgreSQL: a proxy between the two reads both directions of the protocol.

The service and its driver are unchanged, and all their traffic passes through the proxy.
Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol", version 3.0.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

_FRAME = ("begin", "commit", "rollback")
_IDLE = b"I"


@dataclass
class Counts:
    """What passed the proxy. `statements` were executed, without `begin`, `commit` and `rollback`.

    `transactions` have ended, a single statement is one too. `round_trips` are requests whose response the client awaited.
    `prepared` are new prepared statements, `connections` new connections: a warm service makes none.
    """

    statements: list[str] = field(default_factory=list[str])
    transactions: int = 0
    round_trips: int = 0
    prepared: int = 0
    connections: int = 0

    def without(self, sql: str) -> "Counts":
        """The counts without a statement that always is its own transaction."""
        others = [statement for statement in self.statements if statement != sql]
        removed = len(self.statements) - len(others)
        return Counts(
            others, self.transactions - removed, self.round_trips - removed, self.prepared, self.connections
        )


class Wire:
    """A proxy for the PostgreSQL at the port `target` that counts; it listens on `port` while entered."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._counts = Counts()
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        # Both sides of each connection must be closed before the event loop ends.
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    @property
    def is_quiet(self) -> bool:
        """Whether no request awaits its response and no transaction is open."""
        return all(line.is_quiet for line in self._lines)

    def take(self) -> Counts:
        """The counts since the last call."""
        counts, self._counts = self._counts, Counts()
        return counts

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, to_there}
        line = _Line(self)
        self._lines.add(line)
        self._counts.connections += 1
        try:
            await asyncio.gather(
                _pass_on(reader, to_there, line.asked), _pass_on(there, writer, line.answered)
            )
        finally:
            self._lines.discard(line)
            for ended in (writer, to_there):
                ended.close()

    @property
    def counts(self) -> Counts:
        """The counts until the next `take`."""
        return self._counts


class _Line:
    """One connection: its requests without a response, and its prepared statements."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._asked = _Messages(begins_untyped=True)
        self._answered = _Messages()
        self._prepared: dict[bytes, str] = {}
        self._bound = b""
        self._waits: deque[bool] = (
            deque()
        )  # for each request without a response: whether it executes a statement
        self._executes = False
        self._status = b""

    @property
    def is_quiet(self) -> bool:
        """Whether the connection awaits no response and is in no transaction."""
        return not self._waits and self._status in {b"", _IDLE}

    def asked(self, data: bytes) -> None:
        """Reads data from the client."""
        counts = self._wire.counts
        for kind, body in self._asked.read(data):
            match kind:
                case b"Q":
                    self._executed(body[:-1].decode())
                    self._wait()
                case b"P":
                    name, _, rest = body.partition(b"\0")
                    self._prepared[name] = rest.partition(b"\0")[0].decode()
                    counts.prepared += 1
                case b"B":
                    self._bound = body.split(b"\0", 2)[1]
                case b"E":
                    self._executed(self._prepared[self._bound])
                case b"S":
                    self._wait()
                case _:
                    pass

    def _executed(self, sql: str) -> None:
        if sql.lower().lstrip().startswith(_FRAME):
            return
        self._wire.counts.statements.append(" ".join(sql.split()))
        self._executes = True

    def _wait(self) -> None:
        self._waits.append(self._executes)
        self._executes = False

    def answered(self, data: bytes) -> None:
        """Reads data from the server."""
        counts = self._wire.counts
        for kind, body in self._answered.read(data):
            if kind != b"Z":
                continue
            before, self._status = self._status, body
            if not before:
                continue  # the end of the sign-in
            counts.round_trips += 1
            executed = self._waits.popleft()
            if self._status == _IDLE and (before != _IDLE or executed):
                counts.transactions += 1


class _Messages:
    """Splits a stream of bytes into messages: each begins with a type and a length, the first one of a client without a type."""

    def __init__(self, *, begins_untyped: bool = False) -> None:
        self._rest = b""
        self._untyped = begins_untyped

    def read(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are complete now: type and body."""
        self._rest += data
        while True:
            head = 0 if self._untyped else 1
            if len(self._rest) < head + 4:
                return
            (length,) = struct.unpack_from("!i", self._rest, head)
            if len(self._rest) < head + length:
                return
            kind, body = self._rest[:head], self._rest[head + 4 : head + length]
            self._rest = self._rest[head + length :]
            self._untyped = False
            yield kind, body


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: object) -> None:
    assert callable(seen)
    try:
        while data := await reader.read(64 * 1024):
            seen(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # either side closed the connection
    finally:
        writer.close()
