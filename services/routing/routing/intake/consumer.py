"""The Kafka entry point: handles events of cases and of sent replies."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.cases import (
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatusChanged,
)
from antiphon.contracts.replies import ReplySent
from antiphon.kafka.consumer import Handle, Received
from routing.configuration.active import Configurations
from routing.intake import cases

TOPICS = ("cases", "replies")
HANDLES = (
    CaseOpened,
    CaseInteractionAdded,
    CaseInteractionEdited,
    CaseInteractionDeleted,
    CaseStatusChanged,
    ReplySent,
)


def handler(configurations: Configurations) -> Handle:
    """Handles one batch in one transaction.

    Events that the consumer retries one by one share a transaction: an offer would keep its agent locked until the last of
    them. So a pass of the assignment offers their work, and an error in offering can't fail the event again.
    """

    async def handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await cases.apply(tx, batch, configurations, now, offering=not tx.in_nested_transaction())

    return handle
