"""The Kafka doors: what customers said and what became of the answers; and, at leisure, how the work stands."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.clock import Clock
from antiphon.consumer import Consumer, Received
from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
)
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.contracts.work import WorkEvent
from case_mgmt import actions
from case_mgmt.unit import SERVICE

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
            service=SERVICE, topics=["identified-interactions", "replies"], handles=SAID, handle=handle,
            engine=engine, kafka=kafka, clock=clock, replica=replica,
        ),
        Consumer(
            service=SERVICE, topics=["work"], handles=(WorkEvent,), handle=handle,
            engine=engine, kafka=kafka, clock=clock, replica=replica, at_leisure=WORK_EVERY,
        ),
    ]  # fmt: skip
