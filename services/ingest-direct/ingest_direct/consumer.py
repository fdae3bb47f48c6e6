"""The Kafka doors: answers to hand back, and what became of what was brought in, which nobody waits for."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.cases import CaseEvent, CaseInteractionAdded, CaseOpened, CaseStatusChanged
from antiphon.contracts.interactions import Channel
from antiphon.contracts.replies import ReplyRequested
from antiphon.kafka.consumer import Consumer, Received
from antiphon.process.clock import Clock
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import actions

NEWS = (CaseOpened, CaseInteractionAdded, CaseStatusChanged)
NEWS_EVERY = timedelta(milliseconds=250)
_OTHERS = {Channel.EMAIL, Channel.SOCIAL}


async def note_cases(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
    """One batch in one transaction."""
    await actions.note_cases(tx, [r.event for r in batch if isinstance(r.event, CaseEvent)])


async def take_replies(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
    """One batch in one transaction."""
    events = [received.event for received in batch]
    asked = [event for event in events if isinstance(event, ReplyRequested) and event.channel not in _OTHERS]
    if asked:
        await actions.take_replies(tx, asked)


def consumers(engine: AsyncEngine, kafka: str, clock: Clock, replica: str) -> list[Consumer]:
    """One for each door."""
    return [
        Consumer(
            service=INGEST_DIRECT, topics=["replies"], handles=(ReplyRequested,), handle=take_replies,
            engine=engine, kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=INGEST_DIRECT, topics=["cases"], handles=NEWS, handle=note_cases,
            engine=engine, kafka=kafka, clock=clock, replica=replica, min_batch_interval=NEWS_EVERY,
        ),
    ]  # fmt: skip
