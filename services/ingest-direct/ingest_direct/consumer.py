"""The Kafka consumers: replies to hand over, and at low priority the cases that interactions are on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.cases import CaseEvent, CaseInteractionAdded, CaseOpened, CaseStatusChanged
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.interactions import Channel
from antiphon.contracts.replies import ReplyRequested
from antiphon.kafka.consumer import Consumer, Received
from antiphon.process.clock import Clock
from antiphon.service_names import INGEST_DIRECT
from ingest_direct.actions import interactions, replies

CASE_EVENTS = (CaseOpened, CaseInteractionAdded, CaseStatusChanged)
CASES_EVERY = timedelta(milliseconds=250)
# Their own services send replies on these.
OTHER_CHANNELS = frozenset[str]({Channel.EMAIL, Channel.SOCIAL})


async def set_cases(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
    """Handles a batch of events of cases in one transaction."""
    await interactions.set_cases(tx, [r.event for r in batch if isinstance(r.event, CaseEvent)])


async def keep_replies(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
    """Handles a batch of requested replies in one transaction."""
    requests = [
        r.event
        for r in batch
        if isinstance(r.event, ReplyRequested) and r.event.channel not in OTHER_CHANNELS
    ]
    if requests:
        await replies.keep_requested(tx, requests)


def consumers(
    engine: AsyncEngine, kafka: str, organisation: ActiveOrganisation, clock: Clock, replica: str
) -> list[Consumer]:
    """One consumer for replies and the organisation, and one for cases. Each handles a batch in one transaction."""
    return [
        Consumer(
            service=INGEST_DIRECT, topics=["replies", "configuration"], handles=(ReplyRequested, ConfigurationPublished),
            handle=organisation.following(keep_replies), engine=engine, kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=INGEST_DIRECT, topics=["cases"], handles=CASE_EVENTS, handle=set_cases,
            engine=engine, kafka=kafka, clock=clock, replica=replica, min_batch_interval=CASES_EVERY,
        ),
    ]  # fmt: skip
