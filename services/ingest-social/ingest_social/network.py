"""What a social network is to this service: changes in from a durable cursor, answers out. One folder a network.

Whatever differs between networks is said by the folder: nothing outside it knows a network's ids, words or limits.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from antiphon.contracts.interactions import InteractionKind, Speaker, Visibility


@dataclass(frozen=True)
class File:
    """A file of a post: `native_id` names its bytes; `sha256` where the network says it before they are fetched."""

    native_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str | None
    description: str | None = None


@dataclass(frozen=True)
class Said:
    """Somebody posted something that concerns us. `record` is what the network sent, kept whole.

    `revision` names this version's content. `order` grows with each change of an author's posts; None when the network
    does not say it. `author` and `conversation` are the network's ids. `rating` is of a review: 1 to 5 stars.
    """

    native_id: str
    revision: str
    order: str | None
    author: str
    text: str
    answers: list[str]
    language: str | None
    occurred_at: datetime
    record: dict[str, Any]
    kind: InteractionKind
    visibility: Visibility
    conversation: str | None = None
    rating: int | None = None
    files: list[File] = field(default_factory=list[File])
    defects: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Edited:
    """A post has new words; whether it is one of ours the store knows. `said` tells it if it concerns us now."""

    said: Said
    concerns_us: bool


@dataclass(frozen=True)
class TakenBack:
    """A post is gone; or, without `native_id`, everything of an author is."""

    native_id: str | None
    author: str
    order: str | None
    occurred_at: datetime


@dataclass(frozen=True)
class Unreadable:
    """Something that could not be read: kept whole, with the reason."""

    raw: bytes
    reason: str


Change = Said | Edited | TakenBack | Unreadable


@dataclass(frozen=True)
class Batch:
    """Changes up to `cursor`, the last of which happened `at`; `missed` when something since our cursor is not in it.

    Without a cursor they were found by looking, and do not say up to where.
    """

    changes: list[Change]
    cursor: str | None = None
    at: datetime | None = None
    missed: bool = False


@dataclass(frozen=True)
class Outgoing:
    """An answer to post. `key` is the same at every attempt, so that a repeat is recognised."""

    key: str
    text: str
    parent: str
    parent_record: dict[str, Any]
    requested_at: datetime


class AccountError(Exception):
    """An account of ours can't speak as it is configured: the message says what lacks."""


class PostRefusedError(Exception):
    """The network will not do this, whenever it is tried: the message says why."""


class PassingError(Exception):
    """The network can't be reached or asks to wait: try again, after `wait_s` if it says so."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class UnknownOutcomeError(PassingError):
    """The network may have done it: the answer was lost."""


class Network(Protocol):
    """A network on which one account of ours speaks."""

    name: str
    recognises_repeats: bool
    """Whether an answer that was posted already is recognised by its key. Elsewhere an unknown outcome goes to a person."""

    @property
    def account(self) -> str:
        """Our id on the network; empty until `connect_account` came back."""
        ...

    async def connect_account(self) -> None:
        """Signs in and learns `account`. Raises PassingError."""
        ...

    def follow(self, cursor: str | None) -> AsyncIterator[Batch]:
        """Changes after `cursor`, or all that there still are; for ever.

        The first batch, once connected, is empty and has the same cursor. Raises PassingError when the connection is lost.
        """
        ...

    def catch_up(self, since: datetime) -> AsyncIterator[Batch]:
        """What can still be found of the time since, when the stream no longer has it. Repeats are harmless."""
        ...

    async def speaker(self, author: str) -> Speaker:
        """Who an author is, as far as it can be found out in a moment; never raises for what can't be.

        The address is the same at all times: it says where what they say, edit and take back belongs.
        """
        ...

    async def post(self, answer: Outgoing) -> list[str]:
        """Posts an answer, as a thread if it is long; native ids in order.

        Raises PostRefusedError, PassingError, and UnknownOutcomeError when it may have been posted.
        """
        ...

    async def fetch(self, author: str, native_id: str, limit: int) -> bytes:
        """The bytes of a file, at most `limit`. Raises PostRefusedError, PassingError."""
        ...

    def link(self, native_id: str) -> str | None:
        """Where people can see a post."""
        ...
