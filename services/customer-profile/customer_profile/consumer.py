"""The Kafka doors: what was said, and which case it went to, which nobody waits for."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.cases import CaseInteractionAdded, CaseOpened
from antiphon.contracts.interactions import InteractionDeleted, InteractionEdited, InteractionReceived
from antiphon.kafka.consumer import Consumer, Received
from antiphon.process.clock import Clock
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile import actions
from customer_profile.domain import WordReader

SAID = (InteractionReceived, InteractionEdited, InteractionDeleted)
THREADED = (CaseOpened, CaseInteractionAdded)
THREADED_EVERY = timedelta(milliseconds=250)


def consumers(
    engine: AsyncEngine, kafka: str, words: WordReader, clock: Clock, replica: str
) -> list[Consumer]:
    """One for each door; a batch is one transaction."""

    async def identify(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await actions.identify(tx, batch, words, now)

    async def note_cases(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
        await actions.note_cases(tx, batch)

    return [
        Consumer(
            service=CUSTOMER_PROFILE, topics=["interactions"], handles=SAID, handle=identify, engine=engine,
            kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=CUSTOMER_PROFILE, topics=["cases"], handles=THREADED, handle=note_cases, engine=engine,
            kafka=kafka, clock=clock, replica=replica, min_batch_interval=THREADED_EVERY,
        ),
    ]  # fmt: skip
