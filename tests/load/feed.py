"""Puts events into the outbox of ingest-direct without HTTP: its own code builds them."""

from collections.abc import Sequence

from antiphon import ids
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.interactions import Channel, InteractionReceived
from antiphon.kafka import outbox
from antiphon.postgres.engine import create_engine
from antiphon.process import tracing
from antiphon.process.clock import utc_now
from deploy.stack import Stack
from ingest_direct.domain import interactions
from tests.load.traffic import Message, note_of

AT_ONCE = 1000


async def feed(stack: Stack, run: str, messages: Sequence[Message]) -> None:
    """Puts events of `messages` into the outbox, in their order. The relay publishes them at once, or when it is released."""
    engine = create_engine(stack.postgres.url("ingest-direct"))
    try:
        async with engine.begin() as tx:
            for first in range(0, len(messages), AT_ONCE):
                await outbox.publish(tx, [_event(run, m) for m in messages[first : first + AT_ONCE]])
    finally:
        await engine.dispose()


def _event(run: str, message: Message) -> Outgoing:
    now = utc_now()
    given = interactions.NewInteraction.model_validate(note_of(run, message))
    interaction = interactions.build(
        given, identity=ids.interaction_id(given.channel, run, "key", message.token), source=f"load-{run}",
        noted_by=None if given.channel == Channel.WEB else f"notes-{run}", attachments=[], region="AU", now=now,
    )  # fmt: skip
    return encode(
        InteractionReceived(interaction=interaction),
        source="ingest-direct",
        time=now,
        traceparent=tracing.new(),
    )
