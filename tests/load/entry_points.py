"""Compares the rate at which an entry point accepts messages durably with a bare server of the same library."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import aiosmtplib
import httpx

from deploy.site import Ports
from deploy.stack import Stack
from deploy.world import listens
from tests.load.traffic import Channel, Message, direct_channel, mail_of, note_of, note_tokens
from tests.support.waiting import until

CONNECTIONS = 16
Send = Callable[[list[Message]], Awaitable[None]]


class Compared(NamedTuple):
    """Messages accepted in a second by the entry point and by the bare server."""

    ours: float
    bare: float


async def smtp(stack: Stack, run: str, count: int, folder: Path) -> Compared:
    """Mails per second over `CONNECTIONS`."""

    async def rate(port: int) -> float:
        async def send(messages: list[Message]) -> None:
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=60, start_tls=False)
            async with client:
                for message in messages:
                    await client.send_message(mail_of(run, message))

        return await _rate(send, count, "email")

    async with _bare("smtp", folder) as port:
        bare = await rate(port)
    return Compared(await rate(stack.site.ports.smtp), bare)


async def direct(stack: Stack, run: str, count: int, folder: Path) -> Compared:
    """Requests per second over `CONNECTIONS`."""
    tokens = note_tokens(stack, run)

    async def rate(base: str) -> float:
        async def send(messages: list[Message]) -> None:
            async with httpx.AsyncClient(timeout=60) as http:
                for message in messages:
                    answer = await http.post(
                        f"{base}/interactions",
                        json=note_of(run, message),
                        headers={
                            "Authorization": f"Bearer {tokens[direct_channel(message.customer)]}",
                            "Idempotency-Key": f"{run}-{message.token}",
                        },
                    )
                    answer.raise_for_status()

        return await _rate(send, count, "direct")

    async with _bare("http", folder) as port:
        bare = await rate(f"http://127.0.0.1:{port}")
    return Compared(await rate(stack.url("ingest-direct")), bare)


async def _rate(send: Send, count: int, channel: Channel) -> float:
    shares: list[list[Message]] = [[] for _ in range(CONNECTIONS)]
    for number in range(count):
        shares[number % CONNECTIONS].append(Message(number, number, 0, channel, None))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(send(share) for share in shares))
    return count / (loop.time() - began)


@contextlib.asynccontextmanager
async def _bare(kind: str, folder: Path) -> AsyncGenerator[int]:
    port = Ports.free().smtp
    program = await asyncio.create_subprocess_exec(
        sys.executable, "tests/load/bare_servers.py", kind, str(port), str(folder / f"bare-{kind}")
    )
    try:
        await until(lambda: asyncio.to_thread(listens, port), what=f"the bare {kind} server")
        yield port
    finally:
        program.terminate()
        await program.wait()
