"""Takes changes: stores what they do to our posts, publishes the events, and counts the deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.interactions import Speaker
from antiphon.delivery import entry_counts
from antiphon.kafka import outbox
from antiphon.postgres import query
from antiphon.text import clean, shorten
from ingest_social.domain.posts import Delete, Edit, Plan, Receive, StoredPost, plan
from ingest_social.intake.events import PostKeys, attachment_id, encoded, events_of, interaction_of
from ingest_social.network import Change, Deleted, Edited, Network, Post
from ingest_social.store import attachments, posts, quarantined


def authors_of(changes: Sequence[Change]) -> set[str]:
    """The authors whose speakers `take_changes` needs."""
    new = [change for change in changes if isinstance(change, Post)]
    edited = [change.post for change in changes if isinstance(change, Edited) and change.concerns_us]
    return {post.author for post in (*new, *edited)}


async def take_changes(
    tx: AsyncConnection,
    network: Network,
    changes: Sequence[Change],
    speakers: Mapping[str, Speaker],
    now: datetime,
) -> None:
    """Takes a batch of changes in the transaction that its caller opened. A batch that comes again changes nothing."""
    stored = await _stored_posts(tx, network, changes)
    planned = plan(
        [
            StoredPost(
                row.native_id, row.author, row.revision, row.position, is_deleted=row.deleted_at is not None
            )
            for row in stored
        ],
        changes,
    )
    new = [step.post for step in planned.steps if isinstance(step, Receive)]
    interactions = {post.native_id: interaction_of(network, post, speakers[post.author], now) for post in new}
    keys = {row.native_id: PostKeys(row.interaction_id, row.speaker_key) for row in stored} | {
        native_id: PostKeys(interaction.interaction_id, interaction.speaker_key)
        for native_id, interaction in interactions.items()
    }
    added = await posts.add_posts(tx, [_post_row(network, post, keys[post.native_id], now) for post in new])
    files = _attachment_rows(new, keys, added)
    due = await query.now(tx) if files else now
    await attachments.add_attachments(tx, [{**file, "next_attempt_at": due} for file in files])
    await posts.edit_posts(tx, _edit_rows(planned, keys, now))
    await posts.delete_posts(tx, _deletion_rows(planned, keys, now))
    await quarantined.add_quarantined(tx, _quarantined_rows(network, planned, now))
    await entry_counts.insert(tx, _delivery_rows(network, planned, keys, added))
    events = events_of(network, planned, interactions, keys, added, now)
    await outbox.publish(tx, [encoded(event, now) for event in events])


async def _stored_posts(
    tx: AsyncConnection, network: Network, changes: Sequence[Change]
) -> Sequence[query.AnyRow]:
    ids = [change.native_id for change in changes if isinstance(change, Post)]
    ids += [change.post.native_id for change in changes if isinstance(change, Edited)]
    deleted = [change for change in changes if isinstance(change, Deleted)]
    ids += [change.native_id for change in deleted if change.native_id]
    authors = [change.author for change in deleted if change.native_id is None]
    return await posts.lock_posts(tx, network.name, network.account, ids, authors)


def _short(reason: str) -> str:
    return shorten(clean(reason), 500)


def _post_row(network: Network, post: Post, keys: PostKeys, now: datetime) -> dict[str, Any]:
    return {
        "interaction_id": keys.interaction_id,
        "network": network.name,
        "account": network.account,
        "native_id": post.native_id,
        "revision": post.revision,
        "position": post.order,
        "author": post.author,
        "speaker_key": keys.speaker_key,
        "kind": post.kind,
        "visibility": post.visibility,
        "conversation": post.conversation,
        "rating": post.rating,
        "text": post.text,
        "record": post.record,
        "accepted_at": now,
    }


def _attachment_rows(
    new: Sequence[Post], keys: Mapping[str, PostKeys], added: set[UUID]
) -> list[dict[str, Any]]:
    return [
        {
            "attachment_id": attachment_id(identity, file),
            "interaction_id": identity,
            "native_id": file.native_id,
            "filename": file.name,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "description": file.description,
        }
        for post in new
        if (identity := keys[post.native_id].interaction_id) in added
        for file in post.files
    ]


def _edit_rows(planned: Plan, keys: Mapping[str, PostKeys], now: datetime) -> list[dict[str, Any]]:
    """One row a post: its newest version, and the versions between in this batch."""
    versions: dict[str, list[Post]] = {}
    for step in planned.steps:
        if isinstance(step, Edit):
            versions.setdefault(step.post.native_id, []).append(step.post)
    return [
        {
            "interaction_id": keys[native_id].interaction_id,
            "revision": newest.revision,
            "position": newest.order,
            "text": newest.text,
            "record": newest.record,
            "rating": newest.rating,
            "edited_at": now,
            "between": [{"revision": post.revision, "record": post.record} for post in between],
        }
        for native_id, (*between, newest) in versions.items()
    ]


def _deletion_rows(planned: Plan, keys: Mapping[str, PostKeys], now: datetime) -> list[dict[str, Any]]:
    """One row a post: its last deletion."""
    deletions = {step.native_id: step for step in planned.steps if isinstance(step, Delete)}
    return [
        {"interaction_id": keys[native_id].interaction_id, "position": step.order, "deleted_at": now}
        for native_id, step in deletions.items()
    ]


def _quarantined_rows(network: Network, planned: Plan, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "network": network.name,
            "account": network.account,
            "raw": change.raw,
            "reason": _short(change.reason),
            "quarantined_at": now,
        }
        for change in planned.unreadable
    ]


def _delivery_rows(
    network: Network, planned: Plan, keys: Mapping[str, PostKeys], added: set[UUID]
) -> list[dict[str, Any]]:
    accepted, duplicate = entry_counts.Outcome.ACCEPTED, entry_counts.Outcome.DUPLICATE
    new = [keys[step.post.native_id].interaction_id for step in planned.steps if isinstance(step, Receive)]
    repeated = [keys[native_id].interaction_id for native_id in planned.repeats]
    outcomes = [
        *((identity, accepted if identity in added else duplicate, None) for identity in new),
        *((identity, duplicate, None) for identity in repeated),
        *((None, entry_counts.Outcome.QUARANTINED, _short(change.reason)) for change in planned.unreadable),
    ]
    return [
        {"interaction_id": identity, "outcome": outcome, "reason": reason, "via": network.name}
        for identity, outcome, reason in outcomes
    ]
