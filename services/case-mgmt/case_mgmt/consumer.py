"""The Kafka entry points: what customers said, what became of replies, the organisation, and routing's work."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
)
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.contracts.work import WorkEvent
from antiphon.kafka.consumer import Consumer, Received
from antiphon.process.clock import Clock
from antiphon.service_names import CASE_MGMT
from case_mgmt.intake import batch as intake

HANDLED = (
    IdentifiedInteractionReceived,
    IdentifiedInteractionEdited,
    IdentifiedInteractionDeleted,
    ReplySent,
    ReplyFailed,
    ConfigurationPublished,
)
# The pause after each batch of work. Routing itself answers at once; a case keeps only a copy.
WORK_PAUSE = timedelta(milliseconds=100)


def consumers(
    engine: AsyncEngine,
    kafka: str,
    organisation: ActiveOrganisation,
    read_token: Callable[[str | None], int | None],
    make_token: Callable[[int], str],
    reopen_closed_within: timedelta,
    clock: Clock,
    replica: str,
) -> list[Consumer]:
    """One consumer for words, replies and the organisation, and one for work. Each handles a batch in one transaction."""

    async def handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await intake.apply(
            tx,
            batch,
            read_token=read_token,
            make_token=make_token,
            reopen_closed_within=reopen_closed_within,
            now=now,
        )

    return [
        Consumer(
            service=CASE_MGMT, topics=["identified-interactions", "replies", "configuration"], handles=HANDLED,
            handle=organisation.following(handle), engine=engine, kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=CASE_MGMT, topics=["work"], handles=(WorkEvent,), handle=handle,
            engine=engine, kafka=kafka, clock=clock, replica=replica, min_batch_interval=WORK_PAUSE,
        ),
    ]  # fmt: skip
