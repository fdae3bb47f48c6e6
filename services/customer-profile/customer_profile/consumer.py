"""The Kafka consumers: interactions of every channel, and at low priority the cases that they are on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.cases import CaseInteractionAdded, CaseOpened
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.interactions import InteractionDeleted, InteractionEdited, InteractionReceived
from antiphon.kafka.consumer import Consumer, Received
from antiphon.process.clock import Clock
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile.actions import interactions
from customer_profile.domain.reading import WordReader

HANDLED = (InteractionReceived, InteractionEdited, InteractionDeleted, ConfigurationPublished)
CASE_EVENTS = (CaseOpened, CaseInteractionAdded)
CASES_EVERY = timedelta(milliseconds=250)


def consumers(
    engine: AsyncEngine, kafka: str, organisation: ActiveOrganisation, clock: Clock, replica: str
) -> list[Consumer]:
    """One consumer for interactions and the organisation, and one for cases. Each handles a batch in one transaction."""
    reader = WordReader(*organisation.current)

    async def identify(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        nonlocal reader
        active = organisation.current
        if reader.configuration_version != active.number:
            reader = WordReader(*active)
        await interactions.identify(tx, batch, reader, now)

    async def set_cases(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
        await interactions.set_cases(tx, batch)

    return [
        Consumer(
            service=CUSTOMER_PROFILE, topics=["interactions", "configuration"], handles=HANDLED,
            handle=organisation.following(identify), engine=engine, kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=CUSTOMER_PROFILE, topics=["cases"], handles=CASE_EVENTS, handle=set_cases, engine=engine,
            kafka=kafka, clock=clock, replica=replica, min_batch_interval=CASES_EVERY,
        ),
    ]  # fmt: skip
