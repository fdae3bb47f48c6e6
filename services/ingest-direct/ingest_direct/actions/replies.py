"""Replies that case-mgmt requests, and what people and systems report of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.contracts.envelope import encode
from antiphon.contracts.replies import FailureOutcome, ReplyEvent, ReplyRequested
from antiphon.delivery import events
from antiphon.http import changes
from antiphon.http.changes import Change
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found
from antiphon.kafka import outbox
from antiphon.postgres.query import AnyRow
from antiphon.process import tracing
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import store
from ingest_direct.actions.permissions import may_see
from ingest_direct.domain.replies import Outcome, ReplyState


async def keep_requested(tx: AsyncConnection, requests: Sequence[ReplyRequested]) -> None:
    """Keeps the replies to interactions of this service until they are handed over, and ignores all others."""
    new = await store.replies.add(tx, requests)
    await changes.record(
        tx,
        [
            Change(
                "reply-requested",
                str(request.reply_id),
                [f"channel:{request.channel}"],
                {"channel": request.channel},
            )
            for request in requests
            if request.reply_id in new
        ],
    )


async def get(connection: AsyncConnection, reply_id: UUID, who: Identity) -> AnyRow:
    """The reply. Raises Problem 404, also for one that the caller may not see."""
    row = await store.replies.get(connection, reply_id)
    if row is None or not may_see(who, row.source):
        raise not_found("reply")
    return row


async def finish(
    tx: AsyncConnection, reply_id: UUID, state: ReplyState, outcome: Outcome, who: Identity, now: datetime
) -> AnyRow:
    """Records and publishes that a reply was sent or failed. Repeating it changes nothing.

    Raises Problem 404, and 409 when the other of the two was reported before.
    """
    reply = await get(tx, reply_id, who)
    finished = await store.replies.finish(tx, reply_id, state, outcome, who.subject, now)
    if finished is None:
        if reply.state == state:
            return reply
        raise Problem(Kind.REPLY_FINISHED, f"This reply is {reply.state} already.", state=reply.state)
    request = ReplyRequested.model_validate(finished.requested)
    event: ReplyEvent = (
        events.sent(request, [outcome.native_id or f"reply:{reply_id}"], now)
        if state is ReplyState.SENT
        else events.failed(
            request, FailureOutcome.REFUSED, outcome.reason or "could not be delivered", 1, now
        )
    )
    await outbox.publish(tx, [encode(event, source=INGEST_DIRECT, time=now, traceparent=tracing.current())])
    await changes.record(tx, [Change(f"reply-{state}", str(reply_id), [f"channel:{request.channel}"], {})])
    return finished
