"""The Kafka door: answers to hand back, and what became of what was brought in."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.consumer import Received
from antiphon.contracts.cases import CaseEvent, CaseInteractionAdded, CaseOpened, CaseStatusChanged
from antiphon.contracts.interactions import Channel
from antiphon.contracts.replies import ReplyRequested
from ingest_direct import actions

TOPICS = ("cases", "replies")
HANDLES = (CaseOpened, CaseInteractionAdded, CaseStatusChanged, ReplyRequested)
_OTHERS = {Channel.EMAIL, Channel.SOCIAL}


async def handle(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
    """One batch in one transaction."""
    events = [received.event for received in batch]
    await actions.note_cases(tx, [event for event in events if isinstance(event, CaseEvent)])
    asked = [event for event in events if isinstance(event, ReplyRequested) and event.channel not in _OTHERS]
    if asked:
        await actions.take_replies(tx, asked)
