"""Posts answers, one after another on each network."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.delivery.attempts import Ended, Result, Schedule
from antiphon.delivery.sender import Limits, Sender
from antiphon.delivery.store import Sending
from ingest_social import store
from ingest_social.actions import SERVICE
from ingest_social.network import Network, Outgoing, PassingError, PostRefusedError, UnknownOutcomeError
from ingest_social.settings import Settings

LONGEST = timedelta(minutes=2)


class Answer(NamedTuple):
    """What is posted, and where; None when no account of ours is on the network any more."""

    network: Network | None
    outgoing: Outgoing


def schedule(settings: Settings) -> Schedule:
    """When what failed in passing is tried again."""
    return Schedule(settings.retry_first_after, settings.retry_at_most_every, settings.give_up_after)


def create_sender(engine: AsyncEngine, networks: Mapping[str, Network], settings: Settings) -> Sender[Answer]:
    """Sends answers on `networks`, which are by their names."""

    async def load(tx: AsyncConnection, one: Sending) -> Answer:
        post = await store.answered_post(tx, one.request.answers)
        outgoing = Outgoing(
            str(one.reply_id), one.request.text, post.native_id, post.record, one.requested_at
        )
        return Answer(networks.get(one.destination), outgoing)

    return Sender(
        SERVICE,
        engine,
        load,
        post,
        schedule(settings),
        Limits(at_once=max(len(networks), 1), at_once_per_destination=1, longest=LONGEST),
        recognises_repeats=lambda answer: answer.network is not None and answer.network.recognises_repeats,
    )


async def post(answer: Answer) -> Result:
    """Posts one answer. Never raises what a network does."""
    network, outgoing = answer
    if network is None:
        return Result(Ended.REFUSED, "no account of ours is on the network")
    try:
        native_ids = await network.post(outgoing)
    except PostRefusedError as error:
        return Result(Ended.REFUSED, str(error))
    except UnknownOutcomeError as error:
        return Result(Ended.UNKNOWN, str(error), wait=_wait(error))
    except PassingError as error:
        return Result(Ended.LATER, str(error), wait=_wait(error))
    return Result(Ended.ACCEPTED, native_ids=native_ids, link=network.link(native_ids[0]))


def _wait(error: PassingError) -> timedelta:
    return timedelta(seconds=error.wait_s or 0)
