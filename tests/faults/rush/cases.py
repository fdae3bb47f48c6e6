"""The items of a rush: cases as case-mgmt would tell of them, straight onto Kafka, some of them twice."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from antiphon.contracts import generate
from antiphon.contracts.base import Actor, Event
from antiphon.contracts.cases import CaseOpened, CaseStatusChanged
from antiphon.contracts.envelope import encode
from antiphon.process.clock import utc_now

SOURCE = "case-mgmt"
AGAIN_EACH, AGAIN_WITHIN_S = 10, 3.0
AT_ONCE = 0.3
"""The share that waits when the agents come; the others speak at a steady rate."""


class Items:
    """`count` cases; `told` says when each was told of first."""

    def __init__(self, bootstrap: str, dice: random.Random, count: int, per_second: float) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        self._dice = dice
        self._per_second = per_second
        self._again: set[asyncio.Task[None]] = set()
        self.cases = {event.case.case_id: event for event in _cases(dice, count)}
        self.told: dict[UUID, datetime] = {}

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._again, return_exceptions=True)
        await self._producer.stop()

    async def tell_all(self) -> None:
        """A part at once, as a morning finds it, the rest at its rate; each tenth is told again soon after."""
        began = asyncio.get_running_loop().time()
        waiting = round(len(self.cases) * AT_ONCE)
        for number, event in enumerate(self.cases.values()):
            due = began + max(0, number - waiting) / self._per_second
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            now = utc_now()
            case = event.case.model_copy(update={"opened_at": now, "awaiting_answer_since": now})
            said = event.interaction.model_copy(update={"occurred_at": now, "accepted_at": now})
            fresh = event.model_copy(update={"case": case, "interaction": said})
            self.cases[case.case_id] = fresh
            self.told[case.case_id] = now
            await self._tell(fresh)
            if number % AGAIN_EACH == 0:
                task = asyncio.create_task(self._tell_again(fresh))
                self._again.add(task)
                task.add_done_callback(self._again.discard)

    async def answered(self, case_id: UUID, agent: str) -> None:
        """The agent wrote an answer: nobody waits any more."""
        opened = self.cases[case_id].case
        case = opened.model_copy(
            update={"status": "pending", "awaiting_answer_since": None, "revision": opened.revision + 1}
        )
        by = Actor(kind="agent", id=agent)
        await self._tell(CaseStatusChanged(case=case, previous="new", by=by, reason="an answer was written"))

    async def _tell(self, event: Event) -> None:
        record = encode(event, source=SOURCE, time=utc_now())
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        await self._producer.send(record.topic, record.value, record.key.encode(), headers=headers)

    async def _tell_again(self, event: Event) -> None:
        await asyncio.sleep(self._dice.uniform(0, AGAIN_WITHIN_S))
        await self._tell(event)


def _cases(dice: random.Random, count: int) -> Sequence[CaseOpened]:
    """Of several departments, channels and tones: so they need other skills, and are worth other units."""
    example = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    made: list[CaseOpened] = []
    for number in range(count):
        department = dice.choice(["rates", "roads", "planning", None])
        case = example.case.model_copy(
            update={"case_id": uuid4(), "reference": f"C-{number}", "department": department}
        )
        given = {
            "channel": dice.choice(["email", "email", "phone"]),
            "tone": dice.choice(["neutral", "negative"]),
        }
        said = example.interaction.model_copy(
            update=given | {"interaction_id": uuid4(), "department": department}
        )
        made.append(example.model_copy(update={"case": case, "interaction": said}))
    return made
