"""Accounts are followed as the active document says, without a restart, with the passwords that are stored."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.pool import AsyncAdaptedQueuePool

from antiphon.active_organisation import ActiveOrganisation, OrganisationVersion
from antiphon.connections import store
from antiphon.connections.secrets import Secrets, new_key
from antiphon.connections.states import NotConnectedError, Reason, State
from antiphon.connections.supervisor import Supervisor
from antiphon.organisation.channels import SocialAccount
from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from ingest_social import replies
from ingest_social.accounts import Accounts, SocialConnection
from ingest_social.bluesky.network import Bluesky, BlueskyServer
from ingest_social.bluesky.settings import Settings as BlueskySettings
from ingest_social.follower import Followers
from ingest_social.sender import create_sender
from tests.support.bluesky import PASSWORD, World, request
from tests.support.waiting import until


class Place:
    """The accounts of ingest-social for a test: the document, the passwords, and what follows."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.organisation = ActiveOrganisation.of_file(EXAMPLE)
        self.secrets = Secrets(folder, SecretStr(new_key()))
        settings = BlueskySettings.model_validate({"service": world.pds.url})
        self.accounts = Accounts(
            self.organisation, {"bluesky": BlueskyServer(settings)}, self.secrets, utc_now
        )
        self.followers = Followers(world.engine, self.accounts, world.settings, utc_now)
        self.name = f"bluesky:{world.handle}"

    def publish(self, *accounts: SocialAccount) -> None:
        number, organisation = self.organisation.current
        channels = organisation.channels.model_copy(update={"social": list(accounts)})
        changed = organisation.model_copy(update={"channels": channels})
        self.organisation.replace(OrganisationVersion(number + 1, changed))

    def publish_ours(self, **more: Any) -> None:
        handle = self.world.handle
        self.publish(
            SocialAccount.model_validate({"network": "bluesky", "handle": handle, "name": "Us"} | more)
        )

    @property
    def connection(self) -> SocialConnection:
        (one,) = self.accounts.connections(self.organisation.current.organisation)
        return one

    async def store(self, password: str) -> None:
        self.secrets.store(self.name, self.connection.server, password)
        async with self.world.engine.begin() as tx:
            await store.notify(tx, self.name)

    async def in_state(self, name: str, state: State, reason: Reason | None = None) -> None:
        async def is_so() -> bool:
            async with self.world.engine.connect() as connection:
                report = (await store.read(connection)).get(name)
            return report is not None and (report.state, report.reason) == (state, reason)

        await until(is_so, what=f"{name} {state} {reason}")

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        supervisor = Supervisor(
            self.world.engine, self.organisation, self.accounts.connections, self.followers.follow, utc_now
        )
        sender = create_sender(self.world.engine, self.accounts.on, self.world.settings)
        tasks = [asyncio.create_task(part) for part in (supervisor.run(), sender.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return Place(world, tmp_path / "secrets")


async def test_an_account_is_followed_when_published_and_left_when_removed(
    place: Place, world: World
) -> None:
    jo = await world.somebody()
    place.publish()
    async with place.running():
        place.publish_ours()
        await place.in_state(place.name, State.NOT_CONNECTED, Reason.NO_SECRET)
        await place.store(PASSWORD)
        await place.in_state(place.name, State.CONNECTED)
        await world.mention(jo, "is the pool open?")
        (post,) = await world.posts(1)
        assert [(stream.account, stream.connected) for stream in place.followers.streams()] == [
            (world.did, True)
        ]
        place.publish()
        await until(lambda: gone(place), what="the end of the stream")
        async with world.engine.begin() as tx:
            ours = {"bluesky"}  # as when the request was taken before the account was removed
            await replies.take_replies(tx, [request(post.interaction_id, "Yes.")], ours, utc_now())
        (failed,) = await until(lambda: world.events("reply.failed"), what="the refusal")
        assert "no longer ours" in failed.data["reason"]
        assert place.accounts.networks() == set()


async def gone(place: Place) -> bool:
    return place.followers.streams() == []


async def test_a_refused_login_waits_for_a_person_and_a_new_password_is_tried_at_once(
    place: Place, world: World
) -> None:
    place.publish_ours()
    await place.store("not the password")
    async with place.running():
        await place.in_state(place.name, State.NOT_CONNECTED, Reason.LOGIN_REFUSED)
        network = place.accounts.network_of(place.connection)
        # What sends asks for the same account: the server gets no second request.
        with pytest.raises(Exception, match="has refused this password"):
            await network.connect_account()
        with pytest.raises(NotConnectedError) as refused:
            await place.accounts.log_in(place.connection)
        assert refused.value.reason is Reason.LOGIN_REFUSED
        assert "not the password" not in refused.value.detail
        await place.store(PASSWORD)
        await place.in_state(place.name, State.CONNECTED)
        await place.accounts.log_in(place.connection)


async def test_an_answer_of_a_disabled_account_waits_until_it_is_enabled(place: Place, world: World) -> None:
    jo = await world.somebody()
    place.publish_ours()
    await place.store(PASSWORD)
    async with place.running():
        await world.mention(jo, "is the pool open?")
        (post,) = await world.posts(1)
        place.publish_ours(enabled=False)
        async with world.engine.begin() as tx:
            asked = [request(post.interaction_id, "Yes.")]
            await replies.take_replies(tx, asked, place.accounts.networks(), utc_now())
        await until(
            lambda: world.rows("select 1 from reply_attempt where detail like '%is disabled'"),
            what="an attempt",
        )
        place.publish_ours()
        await until(lambda: world.events("reply.sent"), what="the answer")


async def test_who_follows_an_account_and_who_waits_to_holds_no_connection_of_the_pool(
    place: Place, world: World
) -> None:
    other = Bluesky(world.pds.url, world.handle, lambda: PASSWORD, "https://bsky.example", utc_now)
    place.publish_ours()
    await place.store(PASSWORD)
    leases = "select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())"

    async def holds_none() -> bool:
        pool = world.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        one_leads = len(await world.rows(leases)) == 1
        return one_leads and bool(other.account) and pool.checkedout() == 0

    async with place.running(), world.following(other):
        await until(holds_none, what="one lease outside of the pool")
    await until(lambda: ended(world, leases), what="the end of the lease")
    await other.close()


async def ended(world: World, leases: str) -> bool:
    return not await world.rows(leases)


async def test_repeats_are_recognised_by_the_network_also_while_its_account_is_disabled(place: Place) -> None:
    place.publish_ours(enabled=False)
    ours = place.accounts.on("bluesky")
    assert (ours.networks, ours.recognises_repeats, ours.has_disabled) == ([], True, True)


async def test_an_account_on_a_network_that_the_service_lacks_is_not_connected(
    place: Place,
) -> None:
    unknown = SocialAccount.model_construct(network="town-square", handle="council", name="Us", enabled=True)
    async with place.running():
        place.publish(unknown)
        await place.in_state("town-square:council", State.NOT_CONNECTED, Reason.UNKNOWN_NETWORK)
        assert place.accounts.on("town-square").networks == []
