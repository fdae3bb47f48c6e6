"""A login at the server of a mailbox, and what its failures mean.

The library blocks, so a session has a thread for its calls. Sources: RFC 9051 (IMAP), RFC 5530 (response codes).
"""

import asyncio
import contextlib
import imaplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError, LoginError

from antiphon.connections.secrets import Secrets, without
from antiphon.connections.states import NotConnectedError, Reason
from antiphon.organisation.channels import ImapMailbox
from ingest_email.domain.accounts import MailConnection

TIMEOUT_S = 60
_T = TypeVar("_T")


class Session:
    """`async with` logs in and ends. Whatever fails at the server raises NotConnectedError."""

    def __init__(self, connection: MailConnection, mailbox: ImapMailbox, secrets: Secrets) -> None:
        self._connection = connection
        self._mailbox = mailbox
        self._secrets = secrets
        self._secret = ""
        self._client: IMAPClient | None = None
        self._is_ended = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"imap-{connection.name}")

    async def __aenter__(self) -> Self:
        try:
            await self._in_thread(self._log_in)
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        self._is_ended = True
        if self._client is not None:
            # Ends a call that the thread may still be making. The library's own shutdown waits for the end of that call.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._client.socket(), socket.SHUT_RDWR)
            self._thread.submit(self._client.shutdown)
        self._thread.shutdown(wait=False)

    @property
    def _plain_login(self) -> str:
        """The login with the secret as AUTHENTICATE PLAIN sends it (RFC 4616)."""
        return b64encode(f"\0{self._mailbox.user}\0{self._secret}".encode()).decode() if self._secret else ""

    def _log_in(self) -> None:
        mailbox = self._mailbox
        self._secret = self._secrets.read(self._connection)
        client = self._client = IMAPClient(
            mailbox.host, mailbox.port, ssl=mailbox.tls == "implicit", timeout=TIMEOUT_S, use_uid=True
        )
        if self._is_ended:
            client.shutdown()
            return
        if mailbox.tls == "starttls":
            client.starttls(ssl.create_default_context())
        if (mailbox.user + self._secret).isascii():
            client.login(mailbox.user, self._secret)
        else:
            client.plain_login(mailbox.user, self._secret)

    async def _call(self, ask: Callable[[IMAPClient], _T]) -> _T:
        """Asks the server, in the thread of this session."""
        client = self._client
        assert client is not None  # noqa: S101 - `async with` has opened it
        return await self._in_thread(lambda: ask(client))

    async def _in_thread(self, ask: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, ask)
        except NotConnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - a server can make the library raise anything
            # Without its cause: a server may repeat what it was sent, the password too.
            detail = without(self._secret, without(self._plain_login, f"{type(error).__name__}: {error}"))
            raise NotConnectedError(_reason(error), detail) from None

    async def select(self) -> int:
        """Selects the folder, and returns its UIDVALIDITY."""
        folder = self._mailbox.folder
        return await self._call(lambda client: int(client.select_folder(folder)[b"UIDVALIDITY"]))

    async def search(self, criteria: str) -> list[int]:
        """The UIDs of the mails that fit."""
        return await self._call(lambda client: [int(uid) for uid in client.search(criteria)])

    async def size(self, uid: int) -> int | None:
        """The bytes of a mail; None when somebody removed it."""

        def ask(client: IMAPClient) -> int | None:
            fetched = client.fetch([uid], ["RFC822.SIZE"])
            return int(str(fetched[uid][b"RFC822.SIZE"])) if uid in fetched else None

        return await self._call(ask)

    async def fetch(self, uid: int) -> bytes | None:
        """A mail, without setting Seen; None when somebody removed it."""

        def ask(client: IMAPClient) -> bytes | None:
            raw = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
            return raw if isinstance(raw, bytes) else None

        return await self._call(ask)

    async def flag(self, uids: list[int], flag: bytes) -> None:
        """Sets a flag on mails."""

        def ask(client: IMAPClient) -> None:
            client.add_flags(uids, [flag], True)

        await self._call(ask)

    async def begin_idle(self) -> None:
        """Asks the server to announce changes of the folder."""

        def ask(client: IMAPClient) -> None:
            client.idle()

        await self._call(ask)

    async def has_changed(self, within_s: float) -> bool:
        """Whether the folder changes within these seconds, after `begin_idle`."""
        return await self._call(lambda client: bool(client.idle_check(within_s)))

    async def end_idle(self) -> None:
        """Ends what `begin_idle` began."""

        def ask(client: IMAPClient) -> None:
            client.idle_done()

        await self._call(ask)


def _reason(error: Exception) -> Reason:
    if isinstance(error, ssl.SSLError | CapabilityError):
        return Reason.TLS_FAILED
    if isinstance(error, LoginError):
        # The library raises this also for a server that ended the connection, or that can't ask who may log in.
        if isinstance(error.__context__, imaplib.IMAP4.abort):
            return Reason.UNREACHABLE
        return Reason.SERVER_REFUSED if "[UNAVAILABLE]" in str(error) else Reason.LOGIN_REFUSED
    if isinstance(error, imaplib.IMAP4.abort | OSError | UnicodeError):
        return Reason.UNREACHABLE
    return Reason.SERVER_REFUSED


async def log_in(connection: MailConnection, secrets: Secrets) -> None:
    """Logs in, selects the folder, and ends. Raises NotConnectedError."""
    if connection.imap is not None:
        async with Session(connection, connection.imap, secrets) as session:
            await session.select()
