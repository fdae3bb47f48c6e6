"""Replies go out. Each function works in the transaction that its caller opened; nothing here commits."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.replies import ReplyRequested
from antiphon.delivery import actions as delivery
from antiphon.delivery.store import Asked
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.service_names import INGEST_SOCIAL
from ingest_social.store import posts


async def take_replies(
    tx: AsyncConnection, requests: Sequence[ReplyRequested], networks: Collection[str], now: datetime
) -> None:
    """Stores these replies for the sender to send. One that must not be sent fails at once.

    A post can only answer the author of the post above it. So the recipient must be that author, on one of `networks`, those
    on which we have an account.
    """
    answered = await posts.find_answered_posts(tx, [request.answers for request in requests])
    asked = [_asked(request, answered.get(request.answers), networks) for request in requests]
    writes = Writes()
    await delivery.take(tx, writes, asked, source=INGEST_SOCIAL, now=now)
    await writes.send(tx)


def _asked(request: ReplyRequested, post: AnyRow | None, networks: Collection[str]) -> Asked:
    destination = (request.network or "") if post is None else f"{post.network}/{post.account}"
    return Asked(request, destination, _why_not_sent(request, post, networks))


def _why_not_sent(request: ReplyRequested, post: AnyRow | None, networks: Collection[str]) -> str | None:
    if post is None:
        return "this service does not have the post that is answered"
    if post.network not in networks:
        return f"we have no account on the network {post.network}"
    if request.recipient is not None and request.recipient.key != post.speaker_key:
        return "the recipient is not the author of the post that is answered"
    return None
