"""Consumes `replies` and `configuration`: the organisation, and replies that leave by mail."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.active_organisation import ActiveOrganisation
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.interactions import Channel
from antiphon.contracts.replies import ReplyRequested
from antiphon.kafka.consumer import Consumer, Received
from antiphon.postgres import query
from antiphon.process.clock import Clock
from antiphon.service_names import INGEST_EMAIL
from ingest_email import replies
from ingest_email.active_mail import ActiveMail


def create_consumer(
    engine: AsyncEngine,
    kafka: str,
    organisation: ActiveOrganisation,
    active: ActiveMail,
    clock: Clock,
    replica: str,
) -> Consumer:
    """The consumer that keeps the organisation and takes the replies of the e-mail channel."""

    async def handle(tx: AsyncConnection, batch: Sequence[Received], _now: datetime) -> None:
        requests = [
            received.event
            for received in batch
            if isinstance(received.event, ReplyRequested) and received.event.channel == Channel.EMAIL
        ]
        if requests:
            await replies.take_replies(tx, requests, active.ours, await query.now(tx))

    return Consumer(
        service=INGEST_EMAIL,
        topics=["replies", "configuration"],
        handles=(ReplyRequested, ConfigurationPublished),
        handle=organisation.following(handle),
        engine=engine,
        kafka=kafka,
        clock=clock,
        replica=replica,
    )
