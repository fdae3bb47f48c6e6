"""Posts answers, one after another on each network."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.delivery.attempts import Ended, Result, Schedule
from antiphon.delivery.sender import Limits, Sender
from antiphon.delivery.store import Sending
from antiphon.service_names import INGEST_SOCIAL
from ingest_social import store
from ingest_social.network import Network, Outgoing, PassingError, PostRefusedError, UnknownOutcomeError
from ingest_social.settings import Settings

LONGEST = timedelta(minutes=2)


class Answer(NamedTuple):
    """What is posted, by which account; `networks` are those where the account may be."""

    networks: Sequence[Network]
    account: str
    outgoing: Outgoing


def schedule(settings: Settings) -> Schedule:
    """When what failed in passing is tried again."""
    return Schedule(settings.retry_first_after, settings.retry_at_most_every, settings.give_up_after)


def create_sender(engine: AsyncEngine, networks: Sequence[Network], settings: Settings) -> Sender[Answer]:
    """Sends answers on `networks`, each by the account that took what is answered."""

    async def load(tx: AsyncConnection, one: Sending) -> Answer:
        post = await store.answered_post(tx, one.request.answers)
        outgoing = Outgoing(
            str(one.reply_id), one.request.text, post.native_id, post.record, one.requested_at
        )
        return Answer([one for one in networks if one.name == post.network], post.account, outgoing)

    return Sender(
        INGEST_SOCIAL,
        engine,
        load,
        post,
        schedule(settings),
        Limits(at_once=max(len(networks), 1), at_once_per_destination=1, longest=LONGEST),
        recognises_repeats=lambda answer: any(one.recognises_repeats for one in answer.networks),
    )


async def post(answer: Answer) -> Result:
    """Posts one answer. Never raises what a network does."""
    try:
        network = await _speaking(answer)
        native_ids = await network.post(answer.outgoing)
    except PostRefusedError as error:
        return Result(Ended.REFUSED, str(error))
    except UnknownOutcomeError as error:
        return Result(Ended.UNKNOWN, str(error), wait=_wait(error))
    except PassingError as error:
        return Result(Ended.LATER, str(error), wait=_wait(error))
    return Result(Ended.ACCEPTED, native_ids=native_ids, link=network.link(native_ids[0]))


async def _speaking(answer: Answer) -> Network:
    """Where the account is. Raises PassingError while it may be one that can't be connected, else PostRefusedError."""
    lost: PassingError | None = None
    for network in answer.networks:
        try:
            if not network.account:
                await network.connect_account()
        except PassingError as error:
            lost = error
        else:
            if network.account == answer.account:
                return network
    raise lost or PostRefusedError("the account that was spoken to is no longer ours")


def _wait(error: PassingError) -> timedelta:
    return timedelta(seconds=error.wait_s or 0)
