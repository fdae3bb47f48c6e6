"""The Kafka door: how cases stand, and which answers went out."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.cases import (
    CaseInteractionAdded,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatusChanged,
)
from antiphon.contracts.replies import ReplySent
from antiphon.kafka.consumer import Handle, Received
from routing.configuration.active import Configurations
from routing.intake import cases

TOPICS = ("cases", "replies")
HANDLES = (CaseOpened, CaseInteractionAdded, CaseInteractionEdited, CaseStatusChanged, ReplySent)


def handler(configurations: Configurations) -> Handle:
    """Handles one batch in one transaction.

    Events of a batch that was taken apart share one, which would keep an agent from everybody until the last of them: what they
    bring is left to the assignment, and so is what an error in offering it put there.
    """

    async def handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await cases.apply(tx, batch, configurations, now, offering=not tx.in_nested_transaction())

    return handle
