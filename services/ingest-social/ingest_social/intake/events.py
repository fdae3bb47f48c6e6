"""Posts as interactions, and the events of a plan. Pure, but for the trace of the caller."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from antiphon import ids
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.fitting import fitted, fitted_edit
from antiphon.contracts.interactions import (
    Attachment,
    Channel,
    Content,
    Interaction,
    InteractionDeleted,
    InteractionEdited,
    InteractionReceived,
    Speaker,
    Thread,
)
from antiphon.process import tracing
from antiphon.service_names import INGEST_SOCIAL
from ingest_social.domain.posts import Delete, Edit, Plan, Receive
from ingest_social.network import File, Network, Post


@dataclass(frozen=True)
class PostKeys:
    """The id of the interaction that a post is, and the Kafka key of its speaker."""

    interaction_id: UUID
    speaker_key: str


def interaction_id(network: Network, native_id: str) -> UUID:
    """The id of the interaction that a post is. It differs between two accounts of ours."""
    return ids.interaction_id(Channel.SOCIAL, network.name, network.account, native_id)


def attachment_id(interaction: UUID, file: File) -> UUID:
    """The id of a file of a post."""
    return ids.derived_id("attachment", str(interaction), file.native_id)


def interaction_of(network: Network, post: Post, speaker: Speaker, now: datetime) -> Interaction:
    """The interaction that a post is."""
    identity = interaction_id(network, post.native_id)
    return Interaction(
        interaction_id=identity,
        channel=Channel.SOCIAL,
        network=network.name,
        account=network.account,
        kind=post.kind,
        visibility=post.visibility,
        speaker=speaker,
        content=Content(text=post.text, language=post.language),
        rating=post.rating,
        attachments=[
            Attachment(
                attachment_id=attachment_id(identity, file),
                filename=file.name,
                media_type=file.media_type,
                size_bytes=file.size_bytes,
                sha256=file.sha256 or "",
            )
            for file in post.files
        ],
        thread=Thread(native_id=post.native_id, answers=post.answers, conversation=post.conversation),
        recipient=speaker.address,
        reply_limits=network.reply_limits,
        occurred_at=post.occurred_at,
        accepted_at=now,
        defects=post.defects,
        link=network.link(post.native_id),
    )


def events_of(
    network: Network,
    plan: Plan,
    interactions: Mapping[str, Interaction],
    keys: Mapping[str, PostKeys],
    added: set[UUID],
    now: datetime,
) -> Iterator[Event]:
    """The events of a plan in its order. A post that was not `added`, since another batch added it, makes none."""
    for step in plan.steps:
        match step:
            case Receive(post):
                interaction = interactions[post.native_id]
                if interaction.interaction_id in added:
                    yield InteractionReceived(interaction=fitted(interaction))
            case Edit(post):
                edited = InteractionEdited(
                    interaction_id=keys[post.native_id].interaction_id,
                    speaker_key=keys[post.native_id].speaker_key,
                    channel=Channel.SOCIAL,
                    network=network.name,
                    revision=post.revision,
                    content=Content(text=post.text, language=post.language),
                    occurred_at=post.occurred_at,
                    accepted_at=now,
                )
                yield fitted_edit(edited)
            case Delete():
                yield InteractionDeleted(
                    interaction_id=keys[step.native_id].interaction_id,
                    speaker_key=keys[step.native_id].speaker_key,
                    channel=Channel.SOCIAL,
                    network=network.name,
                    occurred_at=step.occurred_at,
                    accepted_at=now,
                )


def encoded(event: Event, now: datetime) -> Outgoing:
    """The record of an event for the outbox. An interaction is received once, so that event has an id of its own kind."""
    event_id = ids.event_id(event.type, event.subject) if isinstance(event, InteractionReceived) else None
    trace = tracing.current() or tracing.new()
    return encode(event, source=INGEST_SOCIAL, time=now, traceparent=trace, event_id=event_id)
