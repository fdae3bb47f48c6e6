"""What ingest-social does: each function is one verb in the transaction that it is given."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import entry_counts, ids
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Outgoing as Record
from antiphon.contracts.envelope import encode
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
from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery import actions as delivery
from antiphon.delivery.store import Asked
from antiphon.kafka import outbox
from antiphon.postgres import query
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.process import tracing
from antiphon.service_names import INGEST_SOCIAL
from antiphon.text import clean, shorten
from ingest_social import store
from ingest_social.domain import Changed, Gone, Kept, Outcome, Received, follow
from ingest_social.network import Change, Edited, File, Network, Said, TakenBack


def interaction_id(network: Network, native_id: str) -> UUID:
    """The id of the interaction that a post is: what one account of ours takes."""
    return ids.interaction_id(Channel.SOCIAL, network.name, network.account, native_id)


@dataclass(frozen=True)
class Taken:
    """The interaction that a post is, and the key of its speaker."""

    interaction_id: UUID
    speaker_key: str


def authors_of(changes: Sequence[Change]) -> set[str]:
    """Whose names are needed to take these changes."""
    said = [c for c in changes if isinstance(c, Said)]
    return {
        one.author for one in [*said, *(c.said for c in changes if isinstance(c, Edited) and c.concerns_us)]
    }


async def take(
    tx: AsyncConnection,
    network: Network,
    changes: Sequence[Change],
    speakers: Mapping[str, Speaker],
    now: datetime,
) -> None:
    """Makes what concerns us interactions, and follows edits and deletions of what we have. A repeat changes nothing."""
    native = [
        c.said.native_id if isinstance(c, Edited) else c.native_id
        for c in changes
        if isinstance(c, Said | Edited)
    ]
    gone = [c for c in changes if isinstance(c, TakenBack)]
    had = await store.known(
        tx,
        network.name,
        network.account,
        [*native, *(c.native_id for c in gone if c.native_id)],
        [c.author for c in gone if c.native_id is None],
    )
    outcome = follow(
        [
            Kept(row.native_id, row.author, row.revision, row.position, gone=row.deleted_at is not None)
            for row in had
        ],
        changes,
    )
    received = {
        step.said.native_id: _interaction(network, step.said, speakers[step.said.author], now)
        for step in outcome.steps
        if isinstance(step, Received)
    }
    taken = {row.native_id: Taken(row.interaction_id, row.speaker_key) for row in had} | {
        native_id: Taken(one.interaction_id, one.speaker_key) for native_id, one in received.items()
    }
    said = [step.said for step in outcome.steps if isinstance(step, Received)]
    added = await store.add_posts(tx, [_row(network, one, taken[one.native_id], now) for one in said])
    files = _files(said, taken, added)
    due = await query.now(tx) if files else now
    await store.add_attachments(tx, [{**file, "next_attempt_at": due} for file in files])
    await store.edit_posts(tx, _edits(outcome, taken, now))
    await store.delete_posts(
        tx,
        [
            {"interaction_id": taken[s.native_id].interaction_id, "position": s.order, "deleted_at": now}
            for s in {s.native_id: s for s in outcome.steps if isinstance(s, Gone)}.values()
        ],
    )
    await store.insert_rows(
        tx,
        store.SET_ASIDE,
        [
            {
                "network": network.name,
                "account": network.account,
                "raw": c.raw,
                "reason": _short(c.reason),
                "at": now,
            }
            for c in outcome.unreadable
        ],
    )
    await entry_counts.insert(tx, _deliveries(network, outcome, taken, added))
    events = _events(network, outcome, received, taken, added, now)
    await outbox.publish(tx, [_encode(event, now) for event in events])


def _short(reason: str) -> str:
    return shorten(clean(reason), 500)


def _row(network: Network, said: Said, taken: Taken, now: datetime) -> dict[str, Any]:
    return {
        "interaction_id": taken.interaction_id,
        "network": network.name,
        "account": network.account,
        "native_id": said.native_id,
        "revision": said.revision,
        "position": said.order,
        "author": said.author,
        "speaker_key": taken.speaker_key,
        "kind": said.kind,
        "visibility": said.visibility,
        "conversation": said.conversation,
        "rating": said.rating,
        "text": said.text,
        "record": said.record,
        "accepted_at": now,
    }


def _attachment_id(interaction: UUID, file: File) -> UUID:
    return ids.derived_id("attachment", str(interaction), file.native_id)


def _files(received: Sequence[Said], taken: Mapping[str, Taken], added: set[UUID]) -> list[dict[str, Any]]:
    return [
        {
            "attachment_id": _attachment_id(identity, file),
            "interaction_id": identity,
            "native_id": file.native_id,
            "filename": file.name,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "description": file.description,
        }
        for said in received
        if (identity := taken[said.native_id].interaction_id) in added
        for file in said.files
    ]


def _edits(outcome: Outcome, taken: Mapping[str, Taken], now: datetime) -> list[dict[str, Any]]:
    """One row a post: its newest version, and those that came between in this batch."""
    versions: dict[str, list[Said]] = {}
    for step in outcome.steps:
        if isinstance(step, Changed):
            versions.setdefault(step.said.native_id, []).append(step.said)
    return [
        {
            "interaction_id": taken[native_id].interaction_id,
            "revision": said[-1].revision,
            "position": said[-1].order,
            "text": said[-1].text,
            "record": said[-1].record,
            "rating": said[-1].rating,
            "edited_at": now,
            "between": [{"revision": one.revision, "record": one.record} for one in said[:-1]],
        }
        for native_id, said in versions.items()
    ]


def _deliveries(
    network: Network, outcome: Outcome, taken: Mapping[str, Taken], added: set[UUID]
) -> list[dict[str, Any]]:
    arrived = [
        taken[step.said.native_id].interaction_id for step in outcome.steps if isinstance(step, Received)
    ]
    repeated = [taken[native_id].interaction_id for native_id in outcome.repeats]
    counted = [
        *(
            (one, entry_counts.Outcome.ACCEPTED if one in added else entry_counts.Outcome.DUPLICATE, None)
            for one in arrived
        ),
        *((one, entry_counts.Outcome.DUPLICATE, None) for one in repeated),
        *((None, entry_counts.Outcome.QUARANTINED, _short(one.reason)) for one in outcome.unreadable),
    ]
    return [
        {"interaction_id": identity, "outcome": what, "reason": why, "via": network.name}
        for identity, what, why in counted
    ]


def _events(
    network: Network,
    outcome: Outcome,
    received: Mapping[str, Interaction],
    taken: Mapping[str, Taken],
    added: set[UUID],
    now: datetime,
) -> list[Event]:
    events: list[Event] = []
    for step in outcome.steps:
        match step:
            case Received(said):
                interaction = received[said.native_id]
                if interaction.interaction_id in added:
                    events.append(InteractionReceived(interaction=fitted(interaction)))
            case Changed(said):
                edited = InteractionEdited(
                    interaction_id=taken[said.native_id].interaction_id,
                    speaker_key=taken[said.native_id].speaker_key,
                    channel=Channel.SOCIAL,
                    network=network.name,
                    revision=said.revision,
                    content=Content(text=said.text, language=said.language),
                    occurred_at=said.occurred_at,
                    accepted_at=now,
                )
                events.append(fitted_edit(edited))
            case Gone():
                events.append(
                    InteractionDeleted(
                        interaction_id=taken[step.native_id].interaction_id,
                        speaker_key=taken[step.native_id].speaker_key,
                        channel=Channel.SOCIAL,
                        network=network.name,
                        occurred_at=step.occurred_at,
                        accepted_at=now,
                    )
                )
    return events


def _interaction(network: Network, said: Said, speaker: Speaker, now: datetime) -> Interaction:
    identity = interaction_id(network, said.native_id)
    return Interaction(
        interaction_id=identity,
        channel=Channel.SOCIAL,
        network=network.name,
        account=network.account,
        kind=said.kind,
        visibility=said.visibility,
        speaker=speaker,
        content=Content(text=said.text, language=said.language),
        rating=said.rating,
        attachments=[
            Attachment(
                attachment_id=_attachment_id(identity, file),
                filename=file.name,
                media_type=file.media_type,
                size_bytes=file.size_bytes,
                sha256=file.sha256 or "",
            )
            for file in said.files
        ],
        thread=Thread(native_id=said.native_id, answers=said.answers, conversation=said.conversation),
        recipient=speaker.address,
        occurred_at=said.occurred_at,
        accepted_at=now,
        defects=said.defects,
        link=network.link(said.native_id),
    )


def _encode(event: Event, now: datetime) -> Record:
    fixed = ids.event_id(event.type, event.subject) if isinstance(event, InteractionReceived) else None
    return encode(
        event, source=INGEST_SOCIAL, time=now, traceparent=tracing.current() or tracing.new(), event_id=fixed
    )


async def take_replies(
    tx: AsyncConnection, requests: Sequence[ReplyRequested], networks: Collection[str], now: datetime
) -> None:
    """Keeps answers to be sent. One that can't go where it says fails at once.

    A post answers the author of the one above it: its recipient is that author, on a network that we are on.
    """
    posts = await store.posts_of(tx, [request.answers for request in requests])
    asked = [_asked(request, posts.get(request.answers), networks) for request in requests]
    writes = Writes()
    await delivery.take(tx, writes, asked, source=INGEST_SOCIAL, now=now)
    await writes.send(tx)


def _asked(request: ReplyRequested, post: AnyRow | None, networks: Collection[str]) -> Asked:
    destination = (request.network or "") if post is None else f"{post.network}/{post.account}"
    return Asked(request, destination, _why_not_sent(request, post, networks))


def _why_not_sent(asked: ReplyRequested, post: AnyRow | None, networks: Collection[str]) -> str | None:
    if post is None:
        return "there is no such post"
    if post.network not in networks:
        return "no account of ours is on the network"
    if asked.recipient is not None and asked.recipient.key != post.speaker_key:
        return "the post is by somebody else than its recipient"
    return None
