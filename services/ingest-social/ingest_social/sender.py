"""Sends replies: posts them, one after another on each network."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.delivery.attempts import Ended, Result, Schedule
from antiphon.delivery.sender import Limits, Sender
from antiphon.delivery.store import Sending
from antiphon.service_names import INGEST_SOCIAL
from ingest_social.accounts import OurAccounts
from ingest_social.network import Network, Outgoing, RefusedError, TransientError, UnknownOutcomeError
from ingest_social.settings import Settings
from ingest_social.store import posts

LONGEST_ATTEMPT = timedelta(minutes=2)
# One at a time for each account.
AT_ONCE = 8


class Reply(NamedTuple):
    """A reply to post, and the account that posts it, which may be one of `ours`."""

    ours: OurAccounts
    account: str
    outgoing: Outgoing


def schedule(settings: Settings) -> Schedule:
    """When a reply or a file is attempted again after a transient failure."""
    return Schedule(settings.retry_first_after, settings.retry_at_most_every, settings.give_up_after)


def create_sender(
    engine: AsyncEngine, ours: Callable[[str], OurAccounts], settings: Settings
) -> Sender[Reply]:
    """The sender of replies. `ours` are our accounts on a network now; the account that received a post also answers it."""

    async def load(tx: AsyncConnection, one: Sending) -> Reply:
        post = await posts.find_answered_post(tx, one.request.answers)
        outgoing = Outgoing(
            str(one.reply_id), one.request.text, post.native_id, post.record, one.requested_at
        )
        return Reply(ours(post.network), post.account, outgoing)

    return Sender(
        INGEST_SOCIAL,
        engine,
        load,
        send,
        schedule(settings),
        Limits(at_once=AT_ONCE, at_once_per_destination=1, longest=LONGEST_ATTEMPT),
        recognises_repeats=lambda reply: reply.ours.recognises_repeats,
    )


async def send(reply: Reply) -> Result:
    """Posts one reply. A failure of the network is a result, never an error."""
    try:
        network = await _network_of(reply)
        native_ids = await network.send(reply.outgoing)
    except RefusedError as error:
        return Result(Ended.REFUSED, str(error))
    except UnknownOutcomeError as error:
        return Result(Ended.UNKNOWN, str(error), wait=_wait(error))
    except TransientError as error:
        return Result(Ended.LATER, str(error), wait=_wait(error))
    return Result(Ended.ACCEPTED, native_ids=native_ids, link=network.link(native_ids[0]))


async def _network_of(reply: Reply) -> Network:
    """The connection of the account. Raises TransientError when it may be one that can't be connected now, else RefusedError."""
    lost: TransientError | None = None
    for network in reply.ours.networks:
        try:
            if not network.account:
                await network.connect_account()
        except TransientError as error:
            lost = error
        else:
            if network.account == reply.account:
                return network
    if lost is None and reply.ours.has_disabled:
        lost = TransientError("an account of ours on this network is disabled")
    raise lost or RefusedError("the account that received the post is no longer ours")


def _wait(error: TransientError) -> timedelta:
    return timedelta(seconds=error.wait_s or 0)
