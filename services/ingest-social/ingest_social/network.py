"""What a social network is to this service: changes come in after a durable cursor, replies go out. One folder a network.

Everything that differs between networks is in the folder: no other module knows a network's ids, terms or limits.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from antiphon.connections.states import Reason
from antiphon.contracts.interactions import InteractionKind, ReplyLimits, Speaker, Visibility


@dataclass(frozen=True)
class File:
    """A file of a post. `native_id` names its bytes; `sha256` is None where the network does not state it beforehand."""

    native_id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str | None
    description: str | None = None


@dataclass(frozen=True)
class Post:
    """A post in one version; as a change, a new post that concerns us. `record` is what the network sent, whole.

    `revision` names the content of this version. `order` grows with each change of an author's posts; None when the network
    does not state it. `author` and `conversation` are the network's ids. `rating` is the stars of a review, 1 to 5.
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
    """A post has a new version. The store knows whether we have the post; `concerns_us` is about the new version."""

    post: Post
    concerns_us: bool


@dataclass(frozen=True)
class Deleted:
    """A post was deleted; without `native_id`, every post of the author."""

    native_id: str | None
    author: str
    order: str | None
    occurred_at: datetime


@dataclass(frozen=True)
class Unreadable:
    """Something that the network sent and that can't be read: whole, with the reason."""

    raw: bytes
    reason: str


Change = Post | Edited | Deleted | Unreadable


@dataclass(frozen=True)
class Batch:
    """Changes up to `cursor`; the last one happened `at`. `missed` when changes since our cursor are not in it.

    A batch without a cursor comes from catching up, and does not move ours.
    """

    changes: list[Change]
    cursor: str | None = None
    at: datetime | None = None
    missed: bool = False


@dataclass(frozen=True)
class Outgoing:
    """A reply to post. `key` is the same at every attempt, so that a network can recognise a repeat."""

    key: str
    text: str
    parent: str
    parent_record: dict[str, Any]
    requested_at: datetime


class RefusedError(Exception):
    """The network refuses this, and would refuse a repeat. The message says why."""


class TransientError(Exception):
    """The network can't be reached, or asks to wait. The caller tries again, after `wait_s` seconds if it is set."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class NotSignedInError(TransientError):
    """Our account can't sign in now. A person may have to change something; the caller tries again all the same."""

    def __init__(self, reason: Reason, message: str, wait_s: float | None = None) -> None:
        super().__init__(message, wait_s)
        self.reason = reason


class UnknownOutcomeError(TransientError):
    """The response was lost, so the network may have done it."""


class Network(Protocol):
    """One account of ours on a network."""

    name: str

    @property
    def account(self) -> str:
        """Our id on the network; empty until `connect_account` has returned."""
        ...

    @property
    def reply_limits(self) -> ReplyLimits | None:
        """How long a reply may be; None where nothing limits it."""
        ...

    async def connect_account(self) -> None:
        """Signs in and sets `account`. Raises NotSignedInError.

        While the server refused the same password a short time ago, it raises at once and does not ask the server.
        """
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...

    def follow(self, cursor: str | None) -> AsyncIterator[Batch]:
        """The changes after `cursor`, or all that the network still has; it goes on for ever.

        The first batch, once connected, is empty and has the same cursor. Raises TransientError when the connection is lost.
        """
        ...

    def catch_up(self, since: datetime) -> AsyncIterator[Batch]:
        """What the network still has of the time since `since`, when its stream no longer has it. It may repeat changes."""
        ...

    async def speaker(self, author: str) -> Speaker:
        """Who an author is. What the network does not state within a few seconds is left out; nothing is raised for it.

        The address of an author never changes: it is the key of the events of their posts, edits and deletions.
        """
        ...

    async def send(self, reply: Outgoing) -> list[str]:
        """Posts a reply, as a thread if it is long. Returns the native ids in order.

        Raises RefusedError, TransientError, and UnknownOutcomeError when it may have been posted.
        """
        ...

    async def fetch(self, author: str, native_id: str, limit: int) -> bytes:
        """The bytes of a file, at most `limit`. Raises RefusedError, TransientError."""
        ...

    def link(self, native_id: str) -> str | None:
        """The address at which people can see a post; None when there is none."""
        ...
