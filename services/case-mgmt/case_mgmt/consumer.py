"""The Kafka door: what customers said, what became of the work and of the answers."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.consumer import Handle, Received
from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
)
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.contracts.work import WorkEvent
from case_mgmt import actions

TOPICS = ("identified-interactions", "work", "replies")
HANDLES = (
    IdentifiedInteractionReceived,
    IdentifiedInteractionEdited,
    IdentifiedInteractionDeleted,
    WorkEvent,
    ReplySent,
    ReplyFailed,
)


def handler(number_in: Callable[[str | None], int | None], reopen_closed_within: timedelta) -> Handle:
    """Handles one batch in one transaction."""

    async def handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await actions.take(tx, batch, number_in=number_in, reopen_closed_within=reopen_closed_within, now=now)

    return handle
