"""What ingest-social does: each function is one verb in the transaction that it is given."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import ids, outbox, tally, tracing
from antiphon.contracts.base import Event
from antiphon.contracts.envelope import Outgoing as Record
from antiphon.contracts.envelope import encode
from antiphon.contracts.interactions import (
    Channel,
    Content,
    Interaction,
    InteractionDeleted,
    InteractionEdited,
    InteractionReceived,
    Speaker,
    Thread,
    Visibility,
)
from antiphon.contracts.replies import FailureOutcome, ReplyFailed, ReplyRequested, ReplySent
from ingest_social import store
from ingest_social.network import Change, Edited, Network, Said, TakenBack, Unreadable

SERVICE = "ingest-social"


def said_in(changes: Sequence[Change]) -> list[Said]:
    """What may be new to us, each post once."""
    found = [c for c in changes if isinstance(c, Said)]
    found += [c.said for c in changes if isinstance(c, Edited) and c.concerns_us]
    return list({said.native_id: said for said in reversed(found)}.values())[::-1]


async def take(
    tx: AsyncConnection,
    network: Network,
    changes: Sequence[Change],
    speakers: Mapping[str, Speaker],
    now: datetime,
) -> None:
    """Makes what concerns us interactions, and follows edits and deletions of what we have. A repeat changes nothing."""
    gone = [c for c in changes if isinstance(c, TakenBack)]
    native = [c.native_id for c in changes if isinstance(c, Said | Edited)] + [
        c.native_id for c in gone if c.native_id
    ]
    had = await store.known(tx, native, [c.author for c in gone if c.native_id is None])
    by_native = {row.native_id: row for row in had}
    fresh = [said for said in said_in(changes) if said.native_id not in by_native]
    rows = [_row(network.name, said, now) for said in fresh]
    added = await store.add_posts(tx, rows)
    events: list[Event] = []
    for row, said in zip(rows, fresh, strict=True):
        if row["interaction_id"] in added:
            interaction = _interaction(network, said, speakers[said.author], row["interaction_id"], now)
            events.append(InteractionReceived(interaction=interaction))
    repeats = [c for c in changes if isinstance(c, Said) and c.native_id in by_native]
    edits = [
        (by_native[c.native_id], c.said)
        for c in changes
        if isinstance(c, Edited)
        and c.native_id in by_native
        and by_native[c.native_id].revision != c.said.revision
    ]
    await _edit(tx, network, edits, events, now)
    await _delete(tx, network, gone, [*had, *_as_rows(rows, fresh)], events, now)
    unreadable = [c for c in changes if isinstance(c, Unreadable)]
    await store.insert_rows(
        tx,
        store.SET_ASIDE,
        [{"network": network.name, "raw": c.raw, "reason": c.reason[:2000], "at": now} for c in unreadable],
    )
    await tally.count_deliveries(tx, _deliveries(network.name, rows, added, repeats, by_native, unreadable))
    await outbox.publish(tx, [_encode(event, now) for event in events])


def _deliveries(
    via: str, rows: Sequence[Mapping[str, Any]], added: set[UUID], repeats: Sequence[Said],
    had: Mapping[str, Any], unreadable: Sequence[Unreadable],
) -> list[dict[str, Any]]:  # fmt: skip
    outcome = tally.Outcome
    return [
        *(
            {
                "interaction_id": row["interaction_id"],
                "outcome": outcome.ACCEPTED if row["interaction_id"] in added else outcome.DUPLICATE,
                "reason": None,
                "via": via,
            }
            for row in rows
        ),
        *(
            {
                "interaction_id": had[c.native_id].interaction_id,
                "outcome": outcome.DUPLICATE,
                "reason": None,
                "via": via,
            }
            for c in repeats
        ),
        *(
            {"interaction_id": None, "outcome": outcome.SET_ASIDE, "reason": c.reason[:500], "via": via}
            for c in unreadable
        ),
    ]


def _row(network: str, said: Said, now: datetime) -> dict[str, Any]:
    return {
        "interaction_id": ids.interaction_id(Channel.SOCIAL, network, said.native_id),
        "network": network,
        "native_id": said.native_id,
        "revision": said.revision,
        "author": said.author,
        "text": said.text,
        "record": said.record,
        "accepted_at": now,
    }


class _Had:
    """A post of this very batch, as one that we have."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.interaction_id: UUID = row["interaction_id"]
        self.native_id: str = row["native_id"]
        self.author: str = row["author"]
        self.deleted_at: datetime | None = None


def _as_rows(rows: Sequence[Mapping[str, Any]], fresh: Sequence[Said]) -> list[_Had]:
    del fresh
    return [_Had(row) for row in rows]


def _speaker_key(author: str) -> str:
    return f"did:{author}"


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
        thread=Thread(native_id=said.native_id, answers=said.answers),
        occurred_at=said.said_at or said.seen_at,
        accepted_at=now,
        defects=said.defects,
        link=network.link(said.native_id),
    )


async def _edit(
    tx: AsyncConnection,
    network: Network,
    edits: Sequence[tuple[Any, Said]],
    events: list[Event],
    now: datetime,
) -> None:
    latest = {
        row.interaction_id: {
            "interaction_id": row.interaction_id,
            "revision": said.revision,
            "text": said.text,
            "record": said.record,
            "edited_at": now,
        }
        for row, said in edits
    }
    await store.edit_posts(tx, list(latest.values()))
    events += [
        InteractionEdited(
            interaction_id=row.interaction_id,
            speaker_key=_speaker_key(row.author),
            channel=Channel.SOCIAL,
            network=network.name,
            revision=said.revision,
            content=Content(text=said.text, language=said.language),
            occurred_at=said.seen_at,
            accepted_at=now,
        )
        for row, said in edits
    ]


async def _delete(
    tx: AsyncConnection,
    network: Network,
    gone: Sequence[TakenBack],
    had: Sequence[Any],
    events: list[Event],
    now: datetime,
) -> None:
    posts = {c.native_id for c in gone if c.native_id}
    authors = {c.author for c in gone if c.native_id is None}
    lost = [
        row for row in had if (row.native_id in posts or row.author in authors) and row.deleted_at is None
    ]
    if lost:
        await store.delete_posts(tx, [row.interaction_id for row in lost], now)
    events += [
        InteractionDeleted(
            interaction_id=row.interaction_id,
            speaker_key=_speaker_key(row.author),
            channel=Channel.SOCIAL,
            network=network.name,
            occurred_at=now,
            accepted_at=now,
        )
        for row in lost
    ]


def _encode(event: Event, now: datetime) -> Record:
    fixed = ids.event_id(event.type, event.subject) if isinstance(event, InteractionReceived) else None
    return encode(
        event, source=SERVICE, time=now, traceparent=tracing.current() or tracing.new(), event_id=fixed
    )


async def take_replies(tx: AsyncConnection, asked: Sequence[ReplyRequested], now: datetime) -> None:
    """Keeps answers to posts of ours, to be sent."""
    await store.add_sendings(
        tx,
        [
            {
                "reply_id": event.reply_id,
                "network": event.network or "",
                "interaction_id": event.answers,
                "requested": json.loads(event.model_dump_json()),
                "requested_at": event.requested_at,
                "next_attempt_at": now,
            }
            for event in asked
        ],
    )


async def finish(
    tx: AsyncConnection, asked: ReplyRequested, *, native_ids: Sequence[str], link: str | None,
    failure: tuple[FailureOutcome, str] | None, attempts: int, now: datetime,
) -> None:  # fmt: skip
    """The answer is out, or can't be: recorded and told together."""
    state = "failed" if failure else "sent"
    values = {
        "state": state,
        "finished_at": now,
        "native_ids": list(native_ids),
        "last_error": failure[1] if failure else None,
    }
    if not await store.finish_sending(tx, asked.reply_id, values):
        return
    event = (
        ReplyFailed(
            reply_id=asked.reply_id, case_id=asked.case_id, channel=asked.channel, network=asked.network,
            outcome=failure[0], reason=failure[1], attempts=attempts, failed_at=now,
        )
        if failure
        else ReplySent(
            reply_id=asked.reply_id, case_id=asked.case_id, channel=asked.channel, network=asked.network,
            native_ids=list(native_ids), author=asked.author, link=link, sent_at=now,
        )
    )  # fmt: skip
    await outbox.publish(tx, [_encode(event, now)])


async def put_off(tx: AsyncConnection, reply_id: UUID, reason: str, wait: timedelta, now: datetime) -> None:
    """The attempt failed in passing: another one later."""
    await store.finish_sending(tx, reply_id, {"last_error": reason[:1000], "next_attempt_at": now + wait})
