"""The mail server that receives the answers. It keeps every mail, and can be slow, refuse, hang up or be down."""

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


class Behaviour(StrEnum):
    """What the server does with a mail."""

    NORMAL = "normal"
    SLOW = "slow"
    REFUSING = "refusing"
    HANGING_UP = "hanging-up"
    AWAY = "away"


class AcceptedMail(NamedTuple):
    """A mail that the server has: its Message-ID, its recipient, the token of the answer in it, when it came (loop time)."""

    message_id: str
    recipient: str
    answer: str
    at: float


class MailServer:
    """A mail server on `port`; it listens while `open` is entered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.accepted: list[AcceptedMail] = []
        self.behaviour = Behaviour.NORMAL
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Listens while entered."""
        await self._listen()
        try:
            yield
        finally:
            await self._close()

    async def behave(self, behaviour: Behaviour) -> None:
        """Changes the behaviour from now on."""
        if behaviour is Behaviour.AWAY and self._server is not None:
            await self._close()
        if behaviour is not Behaviour.AWAY and self._server is None:
            await self._listen()
        self.behaviour = behaviour

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
        """Accepts every recipient, or refuses for now."""
        if self.behaviour is Behaviour.REFUSING:
            return "451 4.3.2 Not now"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keeps the mail, then confirms it or hangs up."""
        behaviour = self.behaviour
        if behaviour is Behaviour.SLOW:
            await asyncio.sleep(SLOW_S)
        raw: bytes = envelope.content
        match = ANSWER.search(raw)
        self.accepted.append(
            AcceptedMail(
                str(PARSER.parsebytes(raw)["Message-ID"]),
                str(envelope.rcpt_tos[0]),
                match[0].decode() if match else "",
                asyncio.get_running_loop().time(),
            )
        )
        if behaviour is Behaviour.HANGING_UP:
            server.transport.abort()
        return "250 2.0.0 Accepted"
