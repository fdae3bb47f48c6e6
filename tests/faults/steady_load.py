"""Customers who go on speaking at a steady rate until they are told that it is enough."""

import asyncio
import contextlib
from collections.abc import Sequence

from tests.load.traffic import Doors, Message, plan

APART = 100_000
HANDS = 48
EVERY_S = 2
SOCIAL, EMAIL = 0.04, 0.46


def messages(trial: int, count: int, per_second: float, seed: int) -> list[Message]:
    """A plan whose tokens no other trial has: those of `trial` begin at `trial` times APART.

    Each customer speaks every few seconds at this rate, so that their order is at stake.
    """
    first = trial * APART
    return [
        m._replace(number=m.number + first, answers=None if m.answers is None else m.answers + first)
        for m in plan(count, max(HANDS, int(per_second * EVERY_S)), seed, social=SOCIAL, email=EMAIL)
    ]


class Speech:
    """Says `planned`, each at its time, until `stop` or the end; a customer's words in order."""

    def __init__(self, doors: Doors, planned: Sequence[Message], per_second: float) -> None:
        self._doors = doors
        self._per_second = per_second
        self._first = planned[0].number
        self._hands: list[list[Message]] = [[] for _ in range(HANDS)]
        for message in planned:
            self._hands[message.customer % HANDS].append(message)
        self._enough = asyncio.Event()

    def stop(self) -> None:
        """What is being said is said to its end."""
        self._enough.set()

    async def run(self) -> None:
        """Speaks."""
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._speak(hand, own, began) for hand, own in enumerate(self._hands)))

    async def _speak(self, hand: int, own: Sequence[Message], began: float) -> None:
        loop = asyncio.get_running_loop()
        for message in own:
            due = began + (message.number - self._first) / self._per_second
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), max(0.0, due - loop.time()))
            if self._enough.is_set():
                return
            await self._doors.say(message, hand)
