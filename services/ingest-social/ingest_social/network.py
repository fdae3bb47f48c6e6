"""What a social network is to this service: changes in from a durable cursor, answers out. One module a network."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from antiphon.contracts.interactions import Speaker


@dataclass(frozen=True)
class Said:
    """Somebody posted something that concerns us. `record` is what the network sent, kept whole."""

    native_id: str
    revision: str
    author: str
    text: str
    answers: list[str]
    language: str | None
    said_at: datetime | None
    seen_at: datetime
    record: dict[str, Any]
    defects: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Edited:
    """A post has new words; whether it is one of ours the store knows. `said` tells it if it concerns us now."""

    native_id: str
    said: Said
    concerns_us: bool


@dataclass(frozen=True)
class TakenBack:
    """A post is gone; or, with `author` alone, everything of an author is."""

    native_id: str | None
    author: str
    seen_at: datetime


@dataclass(frozen=True)
class Unreadable:
    """Something that could not be read: kept whole, with the reason."""

    raw: bytes
    reason: str


Change = Said | Edited | TakenBack | Unreadable


@dataclass(frozen=True)
class Batch:
    """Changes up to `cursor`; `missed` when the network no longer had all since the cursor that we gave."""

    changes: list[Change]
    cursor: int
    missed: bool = False


@dataclass(frozen=True)
class Outgoing:
    """An answer to post. `key` is the same at every attempt, so that a repeat is recognised."""

    key: str
    text: str
    parent: str
    parent_revision: str
    parent_record: dict[str, Any]
    requested_at: datetime


class PostRefusedError(Exception):
    """The network will not take this answer, whenever it is tried: the message says why."""


class PassingError(Exception):
    """The network can't be reached or asks to wait: try again, after `wait_s` if it says so."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Network(Protocol):
    """A network on which one account of ours speaks."""

    name: str
    account: str

    def follow(self, cursor: int) -> AsyncIterator[Batch]:
        """Changes after `cursor`, for ever. Raises PassingError when the connection is lost."""
        ...

    def catch_up(self, since: datetime) -> AsyncIterator[Batch]:
        """What can still be found of the time since, when the stream no longer has it. Repeats are harmless."""
        ...

    async def speaker(self, author: str) -> Speaker:
        """Who an author is, as far as it can be found out now; never raises for what can't be."""
        ...

    async def post(self, answer: Outgoing) -> list[str]:
        """Posts an answer, as a thread if it is long; native ids in order. Raises PostRefusedError, PassingError."""
        ...

    def link(self, native_id: str) -> str | None:
        """Where people can see a post."""
        ...
