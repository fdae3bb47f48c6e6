"""Waits for a condition instead of for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


async def until(
    ask: Callable[[], Awaitable[Value]], within: float = 30, what: str = "the condition"
) -> Value:
    """Calls `ask` until its answer is truthy, and returns that. Fails after `within` seconds with the last answer."""
    answer: Value | None = None
    try:
        async with asyncio.timeout(within):
            while True:
                answer = await ask()
                if answer:
                    return answer
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited {within} s for {what} in vain; last answer: {answer!r}") from None
