"""The cases of a rush: events as case-mgmt publishes them, sent to Kafka directly, some of them twice."""

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
COPY_EVERY, COPY_WITHIN_S = 10, 3.0
BACKLOG = 0.3
"""The part of the cases that is published at once, before the others follow at a steady rate."""


class Cases:
    """`count` cases. `published` has the time of the first event of each."""

    def __init__(self, bootstrap: str, dice: random.Random, count: int, per_second: float) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        self._dice = dice
        self._per_second = per_second
        self._copies: set[asyncio.Task[None]] = set()
        self.cases = {event.case.case_id: event for event in _cases(dice, count)}
        self.published: dict[UUID, datetime] = {}

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._copies, return_exceptions=True)
        await self._producer.stop()

    async def publish_all(self) -> None:
        """Publishes the backlog at once and the others at their rate. Every tenth event is published again within seconds."""
        began = asyncio.get_running_loop().time()
        backlog = round(len(self.cases) * BACKLOG)
        for number, event in enumerate(self.cases.values()):
            due = began + max(0, number - backlog) / self._per_second
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            now = utc_now()
            case = event.case.model_copy(update={"opened_at": now, "awaiting_answer_since": now})
            interaction = event.interaction.model_copy(update={"occurred_at": now, "accepted_at": now})
            opened = event.model_copy(update={"case": case, "interaction": interaction})
            self.cases[case.case_id] = opened
            self.published[case.case_id] = now
            await self._publish(opened)
            if number % COPY_EVERY == 0:
                task = asyncio.create_task(self._publish_copy(opened))
                self._copies.add(task)
                task.add_done_callback(self._copies.discard)

    async def answer(self, case_id: UUID, agent: str) -> None:
        """Publishes that the agent has answered: the case no longer awaits an answer."""
        opened = self.cases[case_id].case
        case = opened.model_copy(
            update={"status": "pending", "awaiting_answer_since": None, "revision": opened.revision + 1}
        )
        by = Actor(kind="agent", id=agent)
        await self._publish(
            CaseStatusChanged(case=case, previous="new", by=by, reason="an answer was written")
        )

    async def _publish(self, event: Event) -> None:
        record = encode(event, source=SOURCE, time=utc_now())
        headers = [(name, value.encode()) for name, value in record.headers.items()]
        await self._producer.send(record.topic, record.value, record.key.encode(), headers=headers)

    async def _publish_copy(self, event: Event) -> None:
        await asyncio.sleep(self._dice.uniform(0, COPY_WITHIN_S))
        await self._publish(event)


def _cases(dice: random.Random, count: int) -> Sequence[CaseOpened]:
    """Cases of several departments, channels and tones: they need different skills and units of capacity."""
    example = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    made: list[CaseOpened] = []
    for number in range(count):
        department = dice.choice(["rates", "roads", "planning", None])
        case = example.case.model_copy(
            update={"case_id": uuid4(), "reference": f"C-{number}", "department": department}
        )
        facts = {
            "channel": dice.choice(["email", "email", "phone"]),
            "tone": dice.choice(["neutral", "negative"]),
        }
        interaction = example.interaction.model_copy(
            update=facts | {"interaction_id": uuid4(), "department": department}
        )
        made.append(example.model_copy(update={"case": case, "interaction": interaction}))
    return made
