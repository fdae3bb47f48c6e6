"""The Kafka doors: what customers said and what became of the answers; and, at leisure, how the work stands."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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
from case_mgmt import actions

SAID = (
    IdentifiedInteractionReceived,
    IdentifiedInteractionEdited,
    IdentifiedInteractionDeleted,
    ReplySent,
    ReplyFailed,
)
# Routing decides and shows at once; the case keeps a copy.
WORK_EVERY = timedelta(milliseconds=100)


def consumers(
    engine: AsyncEngine,
    kafka: str,
    number_in: Callable[[str | None], int | None],
    token_of: Callable[[int], str],
    reopen_closed_within: timedelta,
    clock: Clock,
    replica: str,
) -> list[Consumer]:
    """One for each door; a batch is one transaction."""

    async def handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await actions.take(
            tx,
            batch,
            number_in=number_in,
            token_of=token_of,
            reopen_closed_within=reopen_closed_within,
            now=now,
        )

    return [
        Consumer(
            service=CASE_MGMT, topics=["identified-interactions", "replies"], handles=SAID, handle=handle,
            engine=engine, kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=CASE_MGMT, topics=["work"], handles=(WorkEvent,), handle=handle,
            engine=engine, kafka=kafka, clock=clock, replica=replica, min_batch_interval=WORK_EVERY,
        ),
    ]  # fmt: skip
