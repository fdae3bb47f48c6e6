"""Waiting for a condition instead of for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


async def until(
    ask: Callable[[], Awaitable[Value]], within: float = 30, what: str = "the condition"
) -> Value:
    """What `ask` answers once it is truthy. Fails after `within` seconds with what was answered last."""
    answer: Value | None = None
    try:
        async with asyncio.timeout(within):
            while True:
                answer = await ask()
                if answer:
                    return answer
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about within {within} s; last: {answer!r}") from None
