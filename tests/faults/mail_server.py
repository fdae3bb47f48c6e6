"""The mail server of the world, which answers go to: it keeps what it takes, and can be slow, refuse, or hang up."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from email.parser import BytesHeaderParser
from enum import StrEnum
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP

PARSER = BytesHeaderParser()
ANSWER = re.compile(rb"a[0-9]{7}x")
SLOW_S = 8


class Mood(StrEnum):
    """How it behaves."""

    WELL = "well"
    SLOW = "slow"
    REFUSING = "refusing"
    HANGING_UP = "hanging-up"
    AWAY = "away"


class Taken(NamedTuple):
    """A mail that it has: what it was told by, whom it is for, which answer it brings, when (loop time)."""

    message_id: str
    recipient: str
    answer: str
    at: float


class MailHost:
    """Listens on `port` while entered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.taken: list[Taken] = []
        self.mood = Mood.WELL
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Takes mail until left."""
        await self._listen()
        try:
            yield
        finally:
            await self._close()

    async def be(self, mood: Mood) -> None:
        """Behaves so from now on."""
        if mood is Mood.AWAY and self._server is not None:
            await self._close()
        if mood is not Mood.AWAY and self._server is None:
            await self._listen()
        self.mood = mood

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, loop=loop), "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Takes anybody's mail, or none now."""
        if self.mood is Mood.REFUSING:
            return "451 4.3.2 Not now"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keeps the mail, then says so, or does not."""
        mood = self.mood
        if mood is Mood.SLOW:
            await asyncio.sleep(SLOW_S)
        raw: bytes = envelope.content
        found = ANSWER.search(raw)
        self.taken.append(
            Taken(
                str(PARSER.parsebytes(raw)["Message-ID"]),
                str(envelope.rcpt_tos[0]),
                found[0].decode() if found else "",
                asyncio.get_running_loop().time(),
            )
        )
        if mood is Mood.HANGING_UP:
            server.transport.abort()
        return "250 2.0.0 Taken"
