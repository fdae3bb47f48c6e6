"""The IMAP reader: reads one mailbox in the order of its UIDs, and sets the flag Seen only on mails that are stored.

The cursor of the mailbox is a row that moves in the transaction that stores the mail. Sources: RFC 9051 (IMAP), RFC 2177 (IDLE).
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.connections.secrets import Secrets
from antiphon.connections.states import NotConnectedError, Reason
from antiphon.connections.supervisor import Link
from antiphon.failures import is_transient
from antiphon.process import logs, tracing
from antiphon.process.clock import Clock
from ingest_email import intake
from ingest_email.active_mail import ActiveMail
from ingest_email.domain.accounts import MailConnection
from ingest_email.domain.mail import Envelope
from ingest_email.imap_session import Session
from ingest_email.reading.pool import Readers
from ingest_email.settings import Settings
from ingest_email.store import cursors

LOG = logs.get(__name__)
# How long one call waits for a change; between two calls the reader can be cancelled.
IDLE_CHECK_S = 2
SEEN, FLAGGED = b"\\Seen", b"\\Flagged"


class Reader:
    """Reads the mailbox of one connection; `run` goes on until it is cancelled."""

    def __init__(
        self,
        settings: Settings,
        connection: MailConnection,
        link: Link,
        engine: AsyncEngine,
        readers: Readers,
        active: ActiveMail,
        secrets: Secrets,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._link = link
        self._engine = engine
        self._readers = readers
        self._active = active
        self._secrets = secrets
        self._clock = clock
        self._via = f"{intake.Via.IMAP}:{connection.name}"

    async def run(self) -> None:
        """Follows the mailbox; after a failure it waits as the link says, and connects again."""
        while True:
            try:
                await self._follow()
            except NotConnectedError as error:
                await self._link.failed(error)
            except Exception as error:
                if not is_transient(error):
                    raise
                await self._link.failed(NotConnectedError(Reason.SERVICE_WAITS, type(error).__name__))

    async def _follow(self) -> None:
        mailbox = self._connection.imap
        if mailbox is None:
            raise _not_ours()
        # The UIDs are of this folder of this user, whichever of our addresses it belongs to.
        place = f"{mailbox.user}@{mailbox.host}:{mailbox.port}/{mailbox.folder}"
        async with Session(self._connection, mailbox, self._secrets) as session:
            uidvalidity = await session.select()
            last = await self._begin(session, place, uidvalidity)
            self._link.connected()
            while True:
                before, last = last, await self._read_new(session, place, uidvalidity, last)
                # The server announces a mail once: those that came while others were read, in answers to our commands.
                if last == before:
                    await self._idle(session)

    async def _begin(self, session: Session, place: str, uidvalidity: int) -> int:
        """The UID after which reading goes on. Sets Seen on stored mails on which it could not be set before."""
        async with self._engine.connect() as connection:
            row = await cursors.find_cursor(connection, place)
        if row is None or row.uidvalidity != uidvalidity:
            # The UIDs are other ones: all mails are read again, and those that are stored are recognised.
            LOG.info("mailbox read from its beginning", connection=self._connection.name)
            return 0
        if row.last_uid:
            unmarked = await session.search(f"UNSEEN UNFLAGGED UID 1:{row.last_uid}")
            done = [uid for uid in unmarked if uid <= row.last_uid]
            if done:
                await session.flag(done, SEEN)
        return row.last_uid

    async def _read_new(self, session: Session, place: str, uidvalidity: int, last: int) -> int:
        # `n:*` names the last mail even when its UID is below n.
        uids = sorted(uid for uid in await session.search(f"UID {last + 1}:*") if uid > last)
        for uid in uids:
            tracing.enter(tracing.new())
            await self._take(session, place, uidvalidity, uid)
            last = uid
        return last

    async def _take(self, session: Session, place: str, uidvalidity: int, uid: int) -> None:
        ours = self._active.ours
        if ours.account_of(self._connection.name) is None:
            raise _not_ours()
        size = await session.size(uid)
        if size is None:
            return  # somebody removed it
        now: datetime = self._clock()
        if size > self._settings.size_limit:
            reason = (
                f"{size} bytes are more than {self._settings.size_limit}: "
                f"UID {uid} of {uidvalidity} stays in the mailbox, flagged"
            )
            async with self._engine.begin() as tx:
                await intake.quarantine_mail(tx, reason, self._via)
                await cursors.move_cursor(tx, place, uidvalidity, uid, now)
            await session.flag([uid], FLAGGED)
            LOG.warning("mail quarantined", connection=self._connection.name, uid=uid, bytes=size)
            return
        raw = await session.fetch(uid)
        if raw is None:
            return
        # Most mails say to which of our addresses they were sent; the others count as sent to this one.
        read = await self._readers.read(raw, Envelope(None, (self._connection.name,)), ours)
        async with self._engine.begin() as tx:
            outcome = await intake.keep_mail(tx, raw, read, self._via)
            await cursors.move_cursor(tx, place, uidvalidity, uid, now)
        await session.flag([uid], SEEN)
        self._link.worked()
        LOG.info(
            "mail stored",
            interaction_id=str(read.interaction.interaction_id),
            outcome=outcome,
            bytes=len(raw),
        )

    async def _idle(self, session: Session) -> None:
        """Waits until the mailbox changes, or until IDLE is to be renewed."""
        loop = asyncio.get_running_loop()
        await session.begin_idle()
        until = self._clock() + self._settings.idle_renewed_after
        while self._clock() < until:
            began = loop.time()
            if await session.has_changed(IDLE_CHECK_S):
                break
            if loop.time() - began < IDLE_CHECK_S / 2:
                # The library returns at once, without an error, when the connection has ended.
                raise NotConnectedError(Reason.UNREACHABLE, "the server ended the connection")
        await session.end_idle()


def _not_ours() -> NotConnectedError:
    """The supervisor ends the reader of such an address, unless a later version of the document has it again."""
    return NotConnectedError(Reason.SERVICE_WAITS, "the address is not one of the organisation's addresses")


def follower(
    settings: Settings,
    engine: AsyncEngine,
    readers: Readers,
    active: ActiveMail,
    secrets: Secrets,
    clock: Clock,
) -> Callable[[MailConnection, Link], Coroutine[None, None, None]]:
    """A function that follows the mailbox of a connection."""
    return lambda connection, link: Reader(
        settings, connection, link, engine, readers, active, secrets, clock
    ).run()
