"""The tasks of routing as they run by themselves."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable


@contextlib.asynccontextmanager
async def at_it(task: Awaitable[None]) -> AsyncGenerator[None]:
    """The task runs while entered, and has not ended by itself."""
    running = asyncio.ensure_future(task)
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        ended = running.done()
        running.cancel()
        (error,) = await asyncio.gather(running, return_exceptions=True)
    assert not ended, repr(error)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    while not await true():  # noqa: ASYNC110 - the database is asked
        await asyncio.sleep(0.05)
