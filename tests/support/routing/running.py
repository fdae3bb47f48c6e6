"""The tasks of routing as they run by themselves."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable


@contextlib.asynccontextmanager
async def running(task: Awaitable[None]) -> AsyncGenerator[None]:
    """Runs the task until the block ends. Fails when the task ends before that, or the block takes 20 seconds."""
    started = asyncio.ensure_future(task)
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        ended = started.done()
        started.cancel()
        (error,) = await asyncio.gather(started, return_exceptions=True)
    assert not ended, repr(error)
