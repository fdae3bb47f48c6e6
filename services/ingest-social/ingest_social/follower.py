"""Follows the stream of an account: takes its changes, and moves the cursor in the same transaction."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.connections.states import NotConnectedError, Reason
from antiphon.connections.supervisor import Link
from antiphon.failures import is_transient
from antiphon.postgres.engine import detach
from antiphon.process import logs, tracing
from antiphon.process.clock import Clock
from ingest_social.accounts import Accounts, Followed, SocialConnection
from ingest_social.fetcher import fetch_forever
from ingest_social.intake import changes
from ingest_social.network import Batch, Network, NotSignedInError, RefusedError, TransientError
from ingest_social.settings import Settings
from ingest_social.store import cursors

LOG = logs.get(__name__)
LEAD = 0x666F6C6C  # "foll": one replica follows an account
_TRY_TO_LEAD = text("select pg_try_advisory_lock(:lead, hashtext(:account))")
# Another replica follows the account; this one looks again after so long.
LOOKS_AGAIN_AFTER = timedelta(seconds=5)


class OvertakenError(Exception):
    """Another replica moved the cursor: this one begins again from the row."""


class Follower:
    """Follows one account, and reports to its link."""

    def __init__(self, engine: AsyncEngine, network: Network, link: Link, clock: Clock) -> None:
        self._engine = engine
        self.network = network
        self._link = link
        self._clock = clock

    async def run(self) -> None:
        """Follows for ever, after the cursor. Catches up when the stream no longer has all since the cursor."""
        while True:
            try:
                if not self.network.account:
                    await self.network.connect_account()
                async with self._engine.connect() as lead:
                    await lead.execution_options(isolation_level="AUTOCOMMIT")
                    mine = {"lead": LEAD, "account": f"{self.network.name}/{self.network.account}"}
                    leads = bool(await lead.scalar(_TRY_TO_LEAD, mine))
                    if leads:
                        await detach(lead)
                        await self._follow()
                if not leads:
                    await self._link.wait(LOOKS_AGAIN_AFTER)
            except Exception as error:
                reason = _reason(error)
                if reason is None:
                    raise
                await self._link.failed(NotConnectedError(reason, str(error) or type(error).__name__))

    async def _follow(self) -> None:
        async with self._engine.connect() as connection:
            row = await cursors.find_cursor(connection, self.network.name, self.network.account)
        position = row.position if row else None
        LOG.info("stream followed", network=self.network.name, cursor=position)
        async for batch in self.network.follow(position):
            if not self._link.is_connected:
                self._link.connected()
            if batch.missed and row is not None:
                since = row.updated_at
                LOG.warning("the stream no longer has all since the cursor", since=since.isoformat())
                async for earlier in self.network.catch_up(since):
                    await self._take(earlier, None, None)
            reached = position if batch.cursor is None else batch.cursor
            if batch.changes or reached != position:
                await self._take(batch, position, reached)
                position = reached
                self._link.worked()

    async def _take(self, batch: Batch, expected: str | None, reached: str | None) -> None:
        tracing.enter(tracing.new())
        authors = sorted(changes.authors_of(batch.changes))
        speakers = await asyncio.gather(*(self.network.speaker(author) for author in authors))
        now = self._clock()
        async with self._engine.begin() as tx:
            moved = reached is None or await cursors.move_cursor(
                tx, self.network.name, self.network.account, expected, reached,
                now=now, happened_at=batch.at,
            )  # fmt: skip
            if not moved:
                raise OvertakenError("another process moved the cursor")
            if batch.changes:
                await changes.take_changes(
                    tx, self.network, batch.changes, dict(zip(authors, speakers, strict=True)), now
                )


class Followers:
    """Follows the accounts of the active document, and fetches the files of their posts."""

    def __init__(self, engine: AsyncEngine, accounts: Accounts, settings: Settings, clock: Clock) -> None:
        self._engine = engine
        self._accounts = accounts
        self._settings = settings
        self._clock = clock
        self._streams: dict[SocialConnection, tuple[Network, Link]] = {}

    def streams(self) -> list[Followed]:
        """The accounts that this process follows, and whether each stream is connected now."""
        return [
            Followed(network.name, network.account, link.is_connected)
            for network, link in self._streams.values()
        ]

    async def follow(self, connection: SocialConnection, link: Link) -> None:
        """Follows one account until it is cancelled."""
        while True:
            try:
                network = self._accounts.network_of(connection)
            except NotConnectedError as error:
                await link.failed(error)
            else:
                break
        self._streams[connection] = (network, link)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(Follower(self._engine, network, link, self._clock).run())
                tasks.create_task(fetch_forever(self._engine, network, self._settings))
        finally:
            del self._streams[connection]
            await self._accounts.release(connection)


def _reason(error: Exception) -> Reason | None:
    """Why the stream ended; None for what must end the process."""
    if isinstance(error, NotSignedInError):
        return error.reason
    if isinstance(error, TransientError):
        return Reason.UNREACHABLE
    if isinstance(error, RefusedError):
        return Reason.SERVER_REFUSED
    return Reason.SERVICE_WAITS if isinstance(error, OvertakenError) or is_transient(error) else None
