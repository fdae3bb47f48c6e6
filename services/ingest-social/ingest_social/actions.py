"""What ingest-social does: each function is one verb in the transaction that it is given."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import database, ids, outbox, tally, tracing
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Outgoing as Record
from antiphon.contracts.envelope import encode
from antiphon.contracts.fitting import fitted, fitted_edit
from antiphon.contracts.interactions import (
    Attachment,
    Channel,
    Content,
    IdentifierKind,
    Interaction,
    InteractionDeleted,
    InteractionEdited,
    InteractionReceived,
    Speaker,
    Thread,
    Visibility,
)
from antiphon.contracts.replies import ReplyRequested
from antiphon.database import AnyRow, Writes
from antiphon.delivery import actions as delivery
from antiphon.delivery.store import Asked
from antiphon.text import clean, shorten
from ingest_social import store
from ingest_social.domain import Changed, Gone, Kept, Outcome, Received, follow
from ingest_social.network import Change, Edited, File, Network, Said, TakenBack

SERVICE = "ingest-social"


def interaction_id(network: str, native_id: str) -> UUID:
    """The id of the interaction that a post is."""
    return ids.interaction_id(Channel.SOCIAL, network, native_id)


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
    received = [step.said for step in outcome.steps if isinstance(step, Received)]
    added = await store.add_posts(tx, [_row(network.name, said, now) for said in received])
    files = _files(network.name, received, added)
    due = await database.now(tx) if files else now
    await store.add_attachments(tx, [{**file, "next_attempt_at": due} for file in files])
    await store.edit_posts(tx, _edits(network.name, outcome, now))
    await store.delete_posts(
        tx,
        [
            {"interaction_id": interaction_id(network.name, s.native_id), "position": s.order, "deleted_at": now}
            for s in {s.native_id: s for s in outcome.steps if isinstance(s, Gone)}.values()
        ],
    )  # fmt: skip
    await store.insert_rows(
        tx,
        store.SET_ASIDE,
        [
            {"network": network.name, "raw": c.raw, "reason": _short(c.reason), "at": now}
            for c in outcome.unreadable
        ],
    )
    await tally.count_deliveries(tx, _deliveries(network.name, received, added, outcome))
    events = _events(network, outcome, added, speakers, now)
    await outbox.publish(tx, [_encode(event, now) for event in events])


def _short(reason: str) -> str:
    return shorten(clean(reason), 500)


def _row(network: str, said: Said, now: datetime) -> dict[str, Any]:
    return {
        "interaction_id": interaction_id(network, said.native_id),
        "network": network,
        "native_id": said.native_id,
        "revision": said.revision,
        "position": said.order,
        "author": said.author,
        "text": said.text,
        "record": said.record,
        "accepted_at": now,
    }


def _attachment_id(native_id: str, file: File) -> UUID:
    return ids.derived_id("attachment", native_id, file.native_id)


def _files(network: str, received: Sequence[Said], added: set[UUID]) -> list[dict[str, Any]]:
    return [
        {
            "attachment_id": _attachment_id(said.native_id, file),
            "interaction_id": identity,
            "native_id": file.native_id,
            "filename": file.name,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "description": file.description,
        }
        for said in received
        if (identity := interaction_id(network, said.native_id)) in added
        for file in said.files
    ]


def _edits(network: str, outcome: Outcome, now: datetime) -> list[dict[str, Any]]:
    """One row a post: its newest version, and those that came between in this batch."""
    versions: dict[str, list[Said]] = {}
    for step in outcome.steps:
        if isinstance(step, Changed):
            versions.setdefault(step.said.native_id, []).append(step.said)
    return [
        {
            "interaction_id": interaction_id(network, native_id),
            "revision": said[-1].revision,
            "position": said[-1].order,
            "text": said[-1].text,
            "record": said[-1].record,
            "edited_at": now,
            "between": [{"revision": one.revision, "record": one.record} for one in said[:-1]],
        }
        for native_id, said in versions.items()
    ]


def _deliveries(
    network: str, received: Sequence[Said], added: set[UUID], outcome: Outcome
) -> list[dict[str, Any]]:
    arrived = [interaction_id(network, said.native_id) for said in received]
    repeated = [interaction_id(network, native_id) for native_id in outcome.repeats]
    counted = [
        *(
            (one, tally.Outcome.ACCEPTED if one in added else tally.Outcome.DUPLICATE, None)
            for one in arrived
        ),
        *((one, tally.Outcome.DUPLICATE, None) for one in repeated),
        *((None, tally.Outcome.SET_ASIDE, _short(one.reason)) for one in outcome.unreadable),
    ]
    return [
        {"interaction_id": identity, "outcome": what, "reason": why, "via": network}
        for identity, what, why in counted
    ]


def _events(
    network: Network, outcome: Outcome, added: set[UUID], speakers: Mapping[str, Speaker], now: datetime
) -> list[Event]:
    events: list[Event] = []
    for step in outcome.steps:
        match step:
            case Received(said):
                identity = interaction_id(network.name, said.native_id)
                if identity in added:
                    interaction = _interaction(network, said, speakers[said.author], identity, now)
                    events.append(InteractionReceived(interaction=fitted(interaction)))
            case Changed(said):
                edited = InteractionEdited(
                    interaction_id=interaction_id(network.name, said.native_id),
                    speaker_key=f"did:{said.author}",
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
                        interaction_id=interaction_id(network.name, step.native_id),
                        speaker_key=f"did:{step.author}",
                        channel=Channel.SOCIAL,
                        network=network.name,
                        occurred_at=step.occurred_at,
                        accepted_at=now,
                    )
                )
    return events


def _interaction(
    network: Network, said: Said, speaker: Speaker, identity: UUID, now: datetime
) -> Interaction:
    return Interaction(
        interaction_id=identity,
        channel=Channel.SOCIAL,
        network=network.name,
        account=network.account,
        visibility=Visibility.PUBLIC,
        speaker=speaker,
        content=Content(text=said.text, language=said.language),
        attachments=[
            Attachment(
                attachment_id=_attachment_id(said.native_id, file),
                filename=file.name,
                media_type=file.media_type,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
            )
            for file in said.files
        ],
        thread=Thread(native_id=said.native_id, answers=said.answers),
        recipient=speaker.address,
        occurred_at=said.occurred_at,
        accepted_at=now,
        defects=said.defects,
        link=network.link(said.native_id),
    )


def _encode(event: Event, now: datetime) -> Record:
    fixed = ids.event_id(event.type, event.subject) if isinstance(event, InteractionReceived) else None
    return encode(
        event, source=SERVICE, time=now, traceparent=tracing.current() or tracing.new(), event_id=fixed
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
    await delivery.take(tx, writes, asked, source=SERVICE, now=now)
    await writes.send(tx)


def _asked(request: ReplyRequested, post: AnyRow | None, networks: Collection[str]) -> Asked:
    network = request.network if post is None else post.network
    return Asked(request, network or "", _why_not_sent(request, post, networks))


def _why_not_sent(asked: ReplyRequested, post: AnyRow | None, networks: Collection[str]) -> str | None:
    if post is None:
        return "there is no such post"
    if post.network not in networks:
        return "no account of ours is on the network"
    if asked.recipient is not None and asked.recipient.key != f"{IdentifierKind.DID}:{post.author}":
        return "the post is by somebody else than its recipient"
    return None
