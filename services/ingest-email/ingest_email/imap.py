"""The IMAP reader: reads one mailbox in the order of its UIDs, and sets the flag Seen only on mails that are stored.

The library blocks, so each mailbox has a thread for its calls. The cursor of the mailbox is a row that moves in the
transaction that stores the mail. Sources: RFC 9051 (IMAP), RFC 2177 (IDLE).
"""

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.failures import is_transient
from antiphon.process import logs, tracing
from antiphon.process.clock import Clock
from ingest_email import intake
from ingest_email.domain.mail import Envelope
from ingest_email.reading.pool import Readers
from ingest_email.settings import ImapMailbox, Settings
from ingest_email.store import cursors

LOG = logs.get(__name__)
TIMEOUT_S = 60
# How long one call waits for a change; between two calls the reader can be cancelled.
IDLE_CHECK_S = 2
LONGEST_PAUSE = timedelta(minutes=2)
FIRST_PAUSE = timedelta(milliseconds=500)
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Reader:
    """Reads one mailbox; `run` goes on until it is cancelled."""

    def __init__(
        self, settings: Settings, mailbox: ImapMailbox, engine: AsyncEngine, readers: Readers, clock: Clock
    ) -> None:
        self._settings = settings
        self._mailbox = mailbox
        self._engine = engine
        self._readers = readers
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"imap-{mailbox.name}")

    async def run(self) -> None:
        """Follows the mailbox; after a failure connects again, after a pause that doubles."""
        pause = FIRST_PAUSE
        try:
            while True:
                began = self._clock()
                try:
                    await self._follow()
                except (IMAPClientError, OSError, TimeoutError) as error:
                    LOG.warning(
                        "mailbox can't be reached", mailbox=self._mailbox.name, reason=type(error).__name__
                    )
                except Exception as error:
                    if not is_transient(error):
                        raise
                    LOG.warning(
                        "mailbox not read for now", mailbox=self._mailbox.name, reason=type(error).__name__
                    )
                pause = (
                    FIRST_PAUSE if self._clock() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
                )
                await asyncio.sleep(pause.total_seconds())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _call(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def _search(self, client: IMAPClient, criteria: str) -> list[int]:
        return [int(uid) for uid in await self._call(client.search, criteria)]

    async def _follow(self) -> None:
        client = await self._call(self._connect)
        try:
            selected = await self._call(client.select_folder, self._mailbox.folder)
            uidvalidity = int(selected[b"UIDVALIDITY"])
            last = await self._begin(client, uidvalidity)
            while True:
                before, last = last, await self._read_new(client, uidvalidity, last)
                # The server announces a mail once: those that came while others were read, in answers to our commands.
                if last == before:
                    await self._idle(client)
        finally:
            # Ends a call that the thread may still be making.
            client.shutdown()

    def _connect(self) -> IMAPClient:
        mailbox = self._mailbox
        client = IMAPClient(
            mailbox.host, mailbox.port, ssl=mailbox.tls == "implicit", timeout=TIMEOUT_S, use_uid=True
        )
        if mailbox.tls == "starttls":
            client.starttls(ssl.create_default_context())
        client.login(mailbox.user, mailbox.secret.get_secret_value())
        return client

    async def _begin(self, client: IMAPClient, uidvalidity: int) -> int:
        """The UID after which reading goes on. Sets Seen on stored mails on which it could not be set before."""
        async with self._engine.connect() as connection:
            row = await cursors.find_cursor(connection, self._mailbox.name)
        if row is None or row.uidvalidity != uidvalidity:
            # The UIDs are other ones: all mails are read again, and those that are stored are recognised.
            LOG.info("mailbox read from its beginning", mailbox=self._mailbox.name)
            return 0
        if row.last_uid:
            unmarked = await self._search(client, f"UNSEEN UNFLAGGED UID 1:{row.last_uid}")
            done = [uid for uid in unmarked if uid <= row.last_uid]
            if done:
                await self._call(client.add_flags, done, [b"\\Seen"], True)
        return row.last_uid

    async def _read_new(self, client: IMAPClient, uidvalidity: int, last: int) -> int:
        # `n:*` names the last mail even when its UID is below n.
        uids = sorted(uid for uid in await self._search(client, f"UID {last + 1}:*") if uid > last)
        for uid in uids:
            tracing.enter(tracing.new())
            await self._take(client, uidvalidity, uid)
            last = uid
        return last

    async def _take(self, client: IMAPClient, uidvalidity: int, uid: int) -> None:
        sizes = await self._call(client.fetch, [uid], ["RFC822.SIZE"])
        if uid not in sizes:
            return  # somebody removed it
        size = int(str(sizes[uid][b"RFC822.SIZE"]))
        via = f"{intake.Via.IMAP}:{self._mailbox.name}"
        now: datetime = self._clock()
        if size > self._settings.size_limit:
            reason = (
                f"{size} bytes are more than {self._settings.size_limit}: "
                f"UID {uid} of {uidvalidity} stays in the mailbox, flagged"
            )
            async with self._engine.begin() as tx:
                await intake.quarantine_mail(tx, reason, via)
                await cursors.move_cursor(tx, self._mailbox.name, uidvalidity, uid, now)
            await self._call(client.add_flags, [uid], [b"\\Flagged"], True)
            LOG.warning("mail quarantined", mailbox=self._mailbox.name, uid=uid, bytes=size)
            return
        fetched = await self._call(client.fetch, [uid], ["BODY.PEEK[]"])
        raw = fetched.get(uid, {}).get(b"BODY[]")
        if not isinstance(raw, bytes):
            return
        envelope = Envelope(None, (self._mailbox.account,) if self._mailbox.account else ())
        read = await self._readers.read(raw, envelope)
        async with self._engine.begin() as tx:
            outcome = await intake.keep_mail(tx, raw, read, via)
            await cursors.move_cursor(tx, self._mailbox.name, uidvalidity, uid, now)
        await self._call(client.add_flags, [uid], [b"\\Seen"], True)
        LOG.info(
            "mail stored",
            interaction_id=str(read.interaction.interaction_id),
            outcome=outcome,
            bytes=len(raw),
        )

    async def _idle(self, client: IMAPClient) -> None:
        """Waits until the mailbox changes, or until IDLE is to be renewed."""
        loop = asyncio.get_running_loop()
        await self._call(client.idle)
        until = self._clock() + self._settings.idle_renewed_after
        while self._clock() < until:
            began = loop.time()
            if await self._call(client.idle_check, IDLE_CHECK_S):
                break
            if loop.time() - began < IDLE_CHECK_S / 2:
                # The library returns at once, without an error, when the connection has ended.
                raise ConnectionResetError
        await self._call(client.idle_done)
