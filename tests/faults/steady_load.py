"""Customers who send messages at a steady rate until they are stopped."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.load.traffic import Customers, Message, plan

NUMBERS_PER_TRIAL = 100_000
SENDERS = 48
EVERY_S = 2
SOCIAL, EMAIL = 0.04, 0.46


def messages(trial: int, count: int, per_second: float, seed: int) -> list[Message]:
    """A plan of `count` messages whose tokens no other trial has: numbers begin at `trial` times `NUMBERS_PER_TRIAL`.

    At this rate each customer sends a message every `EVERY_S` seconds, so that a loss of their order would show.
    """
    first = trial * NUMBERS_PER_TRIAL
    return [
        m._replace(number=m.number + first, answers=None if m.answers is None else m.answers + first)
        for m in plan(count, max(SENDERS, int(per_second * EVERY_S)), seed, social=SOCIAL, email=EMAIL)
    ]


class SteadyLoad:
    """Sends the `planned` messages, each at its time, until `stop` or the end; those of one customer in order."""

    def __init__(self, customers: Customers, planned: Sequence[Message], per_second: float) -> None:
        self._customers = customers
        self._per_second = per_second
        self._first = planned[0].number
        self._shares: list[list[Message]] = [[] for _ in range(SENDERS)]
        for message in planned:
            self._shares[message.customer % SENDERS].append(message)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Stops after the messages that are being sent."""
        self._stopped.set()

    async def run(self) -> None:
        """Sends until `stop` or the end of the plan."""
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._send(sender, share, began) for sender, share in enumerate(self._shares)))

    async def _send(self, sender: int, share: Sequence[Message], began: float) -> None:
        loop = asyncio.get_running_loop()
        for message in share:
            due = began + (message.number - self._first) / self._per_second
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), max(0.0, due - loop.time()))
            if self._stopped.is_set():
                return
            await self._customers.send(message, sender)
