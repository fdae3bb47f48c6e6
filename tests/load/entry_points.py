"""How much a door takes until it is durable, beside a bare one that stands on the same library."""

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
from tests.load.traffic import Message, mail_of, note_of, note_tokens, noted_on
from tests.support.waiting import until

HANDS = 16
Speak = Callable[[list[Message]], Awaitable[None]]


class Compared(NamedTuple):
    """Taken per second by our door and by the bare one."""

    ours: float
    bare: float


async def smtp(stack: Stack, run: str, count: int, folder: Path) -> Compared:
    """Mails per second over 16 connections."""

    async def rate(port: int, who: str) -> float:
        async def speak(messages: list[Message]) -> None:
            client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=60, start_tls=False)
            async with client:
                for message in messages:
                    await client.send_message(mail_of(who, message))

        return await _rate(speak, count, "email")

    async with _bare("smtp", folder) as port:
        bare = await rate(port, run)
    return Compared(await rate(stack.site.ports.smtp, run), bare)


async def direct(stack: Stack, run: str, count: int, folder: Path) -> Compared:
    """Requests per second over 16 connections."""
    tokens = note_tokens(stack, run)

    async def rate(base: str) -> float:
        async def speak(messages: list[Message]) -> None:
            async with httpx.AsyncClient(timeout=60) as http:
                for message in messages:
                    answer = await http.post(
                        f"{base}/interactions",
                        json=note_of(run, message),
                        headers={
                            "Authorization": f"Bearer {tokens[noted_on(message.customer)]}",
                            "Idempotency-Key": f"{run}-{message.token}",
                        },
                    )
                    answer.raise_for_status()

        return await _rate(speak, count, "direct")

    async with _bare("http", folder) as port:
        bare = await rate(f"http://127.0.0.1:{port}")
    return Compared(await rate(stack.url("ingest-direct")), bare)


async def _rate(speak: Speak, count: int, channel: str) -> float:
    hands: list[list[Message]] = [[] for _ in range(HANDS)]
    for number in range(count):
        hands[number % HANDS].append(
            Message(number, number, 0, "email" if channel == "email" else "direct", None)
        )
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(speak(own) for own in hands))
    return count / (loop.time() - began)


@contextlib.asynccontextmanager
async def _bare(kind: str, folder: Path) -> AsyncGenerator[int]:
    port = Ports.free().smtp
    program = await asyncio.create_subprocess_exec(
        sys.executable, "tests/load/bare.py", kind, str(port), str(folder / f"bare-{kind}")
    )
    try:
        await until(lambda: asyncio.to_thread(listens, port), what=f"the bare {kind} door")
        yield port
    finally:
        program.terminate()
        await program.wait()
