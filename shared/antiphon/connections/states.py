"""The states of a connection, the reasons why one is not connected, and how long it waits before it tries again."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from antiphon.text import clean, shorten


class State(StrEnum):
    """Whether a mailbox or an account is read."""

    CONNECTED = "connected"
    NOT_CONNECTED = "not-connected"
    DISABLED = "disabled"


class Reason(StrEnum):
    """Why a connection is not connected."""

    NOT_TRIED = "not-tried"
    NOT_REPORTED = "not-reported"
    NO_SECRET = "no-secret"  # noqa: S105 - the name of a reason
    SECRET_UNREADABLE = "secret-unreadable"  # noqa: S105
    SECRET_OF_ANOTHER_SERVER = "secret-of-another-server"  # noqa: S105
    LOGIN_REFUSED = "login-refused"
    UNREACHABLE = "unreachable"
    TLS_FAILED = "tls-failed"
    SERVER_REFUSED = "server-refused"
    UNKNOWN_NETWORK = "unknown-network"
    SERVICE_WAITS = "service-waits"


_WORDS: Mapping[Reason, str] = {
    Reason.NOT_TRIED: "The service has not tried to connect yet.",
    Reason.NOT_REPORTED: "No process has reported this connection for three minutes.",
    Reason.NO_SECRET: "There is no secret: store it with PUT /connections/{name}/secret.",
    Reason.SECRET_UNREADABLE: "The secret can't be decrypted with the keys of the settings: store it again.",
    Reason.SECRET_OF_ANOTHER_SERVER: "The secret was stored for another server: store the secret of this server.",
    Reason.LOGIN_REFUSED: "The server refused the login: check the user in the document, and store the secret again.",
    Reason.UNREACHABLE: "The server can't be reached.",
    Reason.TLS_FAILED: "The encrypted connection failed: check the certificate of the server, and `tls` in the document.",
    Reason.SERVER_REFUSED: "The server took the login, and refused what the service asked next.",
    Reason.UNKNOWN_NETWORK: "This service does not have this network.",
    Reason.SERVICE_WAITS: "The service can't store anything now. It connects again when it can.",
}

LONGEST_DETAIL = 500
FIRST_PAUSE = timedelta(milliseconds=250)
LONGEST_PAUSE = timedelta(seconds=30)
# A server that counts refused logins locks the account after some: a person must change something first.
FIRST_PAUSE_OF_LOGIN = timedelta(minutes=1)
LONGEST_PAUSE_OF_LOGIN = timedelta(minutes=30)


def in_words(reason: Reason) -> str:
    """What a reason means, and what a person can do."""
    return _WORDS[reason]


def pause_after(reason: Reason, failures: int) -> timedelta:
    """The wait before the next try, after so many failures in a row. Each is twice the one before, up to a longest one."""
    is_login = reason is Reason.LOGIN_REFUSED
    first = FIRST_PAUSE_OF_LOGIN if is_login else FIRST_PAUSE
    longest = LONGEST_PAUSE_OF_LOGIN if is_login else LONGEST_PAUSE
    return min(first * 2 ** min(failures - 1, 20), longest)


class NotConnectedError(Exception):
    """A mailbox or account can't be connected now. `detail` is what happened, without the secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = shorten(clean(detail), LONGEST_DETAIL)


class Connection(Protocol):
    """A mailbox or an account in the organisation's document. Two that are equal need no new connection."""

    @property
    def name(self) -> str:
        """Its name in the API, and the name of its secret."""
        ...

    @property
    def kind(self) -> str:
        """By what it is reached: a protocol or a network."""
        ...

    @property
    def server(self) -> str | None:
        """The server that gets the secret, and how. None where others connect to us, so that there is no secret."""
        ...

    @property
    def is_enabled(self) -> bool:
        """Whether the document wants it to be connected."""
        ...
