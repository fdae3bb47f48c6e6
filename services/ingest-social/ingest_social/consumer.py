"""The Kafka door: answers to send."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.interactions import Channel
from antiphon.contracts.replies import ReplyRequested
from antiphon.kafka.consumer import Received
from antiphon.postgres import query
from ingest_social import actions

TOPICS = ("replies",)
HANDLES = (ReplyRequested,)


async def handle(
    tx: AsyncConnection, batch: Sequence[Received], _now: datetime, *, networks: Collection[str]
) -> None:
    """One batch in one transaction. `networks` are those that we have an account on."""
    asked = [
        r.event for r in batch if isinstance(r.event, ReplyRequested) and r.event.channel == Channel.SOCIAL
    ]
    if asked:
        await actions.take_replies(tx, asked, networks, await query.now(tx))
