"""The Kafka door: what was said, and which case it went to."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.consumer import Handle, Received
from antiphon.contracts.cases import CaseInteractionAdded, CaseOpened
from antiphon.contracts.interactions import InteractionDeleted, InteractionEdited, InteractionReceived
from customer_profile import actions
from customer_profile.domain import WordReader

TOPICS = ("interactions", "cases")
HANDLES = (InteractionReceived, InteractionEdited, InteractionDeleted, CaseOpened, CaseInteractionAdded)


def handler(words: WordReader) -> Handle:
    """Handles one batch in one transaction."""

    async def handle(tx: AsyncConnection, batch: Sequence[Received], now: datetime) -> None:
        await actions.identify(tx, batch, words, now)
        await actions.note_cases(tx, batch)

    return handle
