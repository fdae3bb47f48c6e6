"""Consumes `replies` and `configuration`: the organisation, and replies that leave on a social network."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.interactions import Channel
from antiphon.contracts.replies import ReplyRequested
from antiphon.kafka.consumer import Consumer, Received
from antiphon.postgres import query
from antiphon.process.clock import Clock
from antiphon.service_names import INGEST_SOCIAL
from ingest_social import replies


def create_consumer(
    engine: AsyncEngine,
    kafka: str,
    organisation: ActiveOrganisation,
    networks: Callable[[], Collection[str]],
    clock: Clock,
    replica: str,
) -> Consumer:
    """The consumer that keeps the organisation and takes replies of the social channel.

    `networks` are those on which we have an account now.
    """

    async def handle(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
        requests = [
            received.event
            for received in batch
            if isinstance(received.event, ReplyRequested) and received.event.channel == Channel.SOCIAL
        ]
        if requests:
            await replies.take_replies(tx, requests, networks(), await query.now(tx))

    return Consumer(
        service=INGEST_SOCIAL,
        topics=["replies", "configuration"],
        handles=(ReplyRequested, ConfigurationPublished),
        handle=organisation.following(handle),
        engine=engine,
        kafka=kafka,
        clock=clock,
        replica=replica,
    )
