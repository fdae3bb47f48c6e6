"""What ingest-direct does: each function is one verb in the transaction that it is given."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import entry_counts, ids
from antiphon.access.roles import Identity
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import CaseEvent, CaseInteractionAdded, CaseOpened
from antiphon.contracts.envelope import encode
from antiphon.contracts.fitting import fitted
from antiphon.contracts.interactions import Attachment, InteractionReceived
from antiphon.contracts.replies import FailureOutcome, ReplyEvent, ReplyRequested
from antiphon.delivery import events
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.http.problems import Problem, not_found
from antiphon.kafka import outbox
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.process import tracing
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import domain, store

OURS = get_args(domain.DirectChannel)


class Noted(NamedTuple):
    """What became of a request to note an interaction."""

    row: AnyRow
    repeated: bool


async def note_interaction(
    tx: AsyncConnection,
    given: domain.NewInteraction,
    *,
    key: str,
    who: Identity,
    noted_by: str | None,
    region: str,
    now: datetime,
) -> Noted:
    """Makes it durable and tells it: interaction, tally and event together. A repeat gets the first answer.

    Raises Problem 409 when the key was used for something else, 422 for what can't be used.
    """
    identity = domain.interaction_id(given, who.subject, key)
    digest = domain.fingerprint(given)
    files = (
        await store.use_attachments(tx, who.subject, given.attachments, identity) if given.attachments else []
    )
    try:
        interaction = fitted(
            domain.build(
                given,
                identity=identity,
                source=who.subject,
                noted_by=noted_by,
                attachments=[Attachment.model_validate(file, from_attributes=True) for file in files],
                region=region,
                now=now,
            )
        )
    except domain.UnusableInput as error:
        wrong = {"pointer": error.pointer, "detail": str(error)}
        raise Problem(422, "Invalid input", "Some of what was sent can't be used.", errors=[wrong]) from error
    fresh = await store.claim(
        tx,
        {
            "interaction_id": identity,
            "source": who.subject,
            "idempotency_key": key,
            "body_sha256": digest,
            "channel": given.channel,
            "noted_by": noted_by,
            "interaction": interaction.model_dump(mode="json"),
            "accepted_at": now,
        },
    )
    row = fresh or await store.earlier(tx, who.subject, key, identity)
    if row is None:
        raise not_found("interaction")
    writes = Writes()
    if fresh:
        _require_all(given.attachments, files)
        event = InteractionReceived(interaction=interaction)
        told = encode(
            event, source=INGEST_DIRECT, time=now, traceparent=tracing.current(),
            event_id=ids.event_id(event.type, str(identity)),
        )  # fmt: skip
        outbox.put(writes, [told])
    elif row.body_sha256 != digest:
        raise Problem(409, "Conflict", "This key or external id was used for another interaction.")
    outcome = entry_counts.Outcome.ACCEPTED if fresh else entry_counts.Outcome.DUPLICATE
    delivery = {
        "interaction_id": row.interaction_id,
        "outcome": outcome,
        "reason": None,
        "via": given.channel,
    }
    entry_counts.put(writes, [delivery])
    await writes.send(tx)
    return Noted(row, repeated=fresh is None)


def _require_all(wanted: Sequence[UUID], found: Sequence[AnyRow]) -> None:
    missing = set(wanted) - {file.attachment_id for file in found}
    if missing:
        places = [
            {"pointer": f"/attachments/{place}", "detail": "is not an unused upload of yours"}
            for place, wish in enumerate(wanted)
            if wish in missing
        ]
        raise Problem(422, "Invalid input", "Some attachments can't be used.", errors=places)


async def keep_attachment(
    tx: AsyncConnection, *, source: str, filename: str, media_type: str, content: bytes, now: datetime
) -> Attachment:
    """Keeps an uploaded file until an interaction uses it."""
    kept = Attachment(
        attachment_id=uuid4(),
        filename=filename,
        media_type=media_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    row = {**kept.model_dump(), "source": source, "content": content, "uploaded_at": now}
    await tx.execute(insert(store.ATTACHMENT).values(row))
    return kept


async def take_replies(tx: AsyncConnection, requested: Sequence[ReplyRequested]) -> None:
    """Keeps the answers to interactions of ours, to be handed back; those of other services are passed over."""
    rows = [
        {
            "reply_id": event.reply_id,
            "interaction_id": event.answers,
            "channel": event.channel,
            "requested": json.loads(event.model_dump_json()),
            "requested_at": event.requested_at,
        }
        for event in requested
    ]
    fresh = set(await store.add_replies(tx, rows))
    await changes.record(
        tx,
        [
            Change(
                "reply-requested",
                str(event.reply_id),
                [f"channel:{event.channel}"],
                {"channel": event.channel},
            )
            for event in requested
            if event.reply_id in fresh
        ],
    )


async def note_cases(tx: AsyncConnection, events: Sequence[CaseEvent]) -> None:
    """Remembers which case an interaction of ours is on and how that case stands."""
    by_interaction: dict[UUID, dict[str, Any]] = {}
    by_case: dict[UUID, dict[str, Any]] = {}
    for event in events:
        case = event.case
        facts = {
            "case_id": case.case_id,
            "case_reference": case.reference,
            "case_status": case.status,
            "case_revision": case.revision,
        }
        if not isinstance(event, CaseOpened):
            by_case[case.case_id] = facts
        if isinstance(event, CaseOpened | CaseInteractionAdded) and event.interaction.channel in OURS:
            identity = event.interaction.interaction_id
            by_interaction[identity] = {"interaction_id": identity, **facts}
    await store.note_cases(tx, list(by_interaction.values()), list(by_case.values()))


async def finish_reply(
    tx: AsyncConnection,
    reply: AnyRow,
    *,
    sent: bool,
    native_id: str | None,
    reason: str | None,
    who: Actor,
    now: datetime,
) -> AnyRow:
    """Records that the answer reached the customer, or that it can't; tells it. Repeating is harmless.

    Raises Problem 409 when it ended the other way before.
    """
    state = "sent" if sent else "failed"
    outcome = {"native_id": native_id, "reason": reason}
    done = await store.finish_reply(tx, reply.reply_id, state, outcome, who.id, now)
    if done is None:
        if reply.state == state:
            return reply
        raise Problem(409, "Conflict", f"This reply is {reply.state} already.")
    asked = ReplyRequested.model_validate(done.requested)
    event: ReplyEvent = (
        events.sent(asked, [native_id or f"reply:{asked.reply_id}"], now)
        if sent
        else events.failed(asked, FailureOutcome.REFUSED, reason or "could not be delivered", 1, now)
    )
    await outbox.publish(tx, [encode(event, source=INGEST_DIRECT, time=now, traceparent=tracing.current())])
    await changes.record(
        tx, [Change(f"reply-{state}", str(asked.reply_id), [f"channel:{asked.channel}"], {})]
    )
    return done
