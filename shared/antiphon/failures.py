"""Kinds of failure. A batch waits for a transient failure; on a schema error the process stops, since every event would fail.

After any other failure of a batch, its events are retried one by one. What Kafka refuses for good is decided here too.
"""

from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import TypeVar

import asyncpg
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownError,
    UnsupportedForMessageFormatError,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

_Part = TypeVar("_Part")

# SQLSTATE classes: connection, transaction rollback (serialisation, deadlock), resources, operator intervention,
# system error. Source: PostgreSQL documentation, appendix A.
_TRANSIENT_CLASSES = {"08", "40", "53", "57", "58"}
# Syntax errors and access rule violations: a table or column that the database lacks, a right that the role has not.
_SCHEMA_CLASS = "42"


class Refusal(StrEnum):
    """What Kafka refuses when it does not take an outgoing event, however often it is sent.

    `unclear`: the client does not know the broker's reason, so it may be a fault of the broker that passes (`antiphon.kafka.unclear_refusals`).
    """

    RECORD = "record"
    TOPIC = "topic"
    UNCLEAR = "unclear"


# Everything else that a produce request can end with is not about a record or a topic, so that a new connection, another
# leader, a new producer or a person repairs it for all events at once: no leader, too few replicas, a full disk, a sequence or
# epoch that is over, a cluster that we may not write to, a clock of ours that is wrong (InvalidTimestampError: records get
# their time when they are sent). Source: the error codes of the Kafka protocol.
_REFUSALS: dict[type[KafkaError], Refusal] = {
    MessageSizeTooLargeError: Refusal.RECORD,
    RecordTooLargeError: Refusal.RECORD,
    RecordListTooLargeError: Refusal.RECORD,
    CorruptRecordException: Refusal.RECORD,
    UnsupportedForMessageFormatError: Refusal.RECORD,
    PolicyViolationError: Refusal.RECORD,
    InvalidTopicError: Refusal.TOPIC,
    TopicAuthorizationFailedError: Refusal.TOPIC,
    UnknownError: Refusal.UNCLEAR,
}


def refusal(error: BaseException) -> Refusal | None:
    """What Kafka refuses for good by this answer to an outgoing event; None where it would take it later."""
    return next((what for kind, what in _REFUSALS.items() if isinstance(error, kind)), None)


def is_transient(error: BaseException) -> bool:
    """Whether trying the same again later can succeed."""
    if isinstance(error, DBAPIError):
        return (
            error.connection_invalidated
            or isinstance(error, InterfaceError | OperationalError)
            or _class_of(error) in _TRANSIENT_CLASSES
            or isinstance(error.orig, OSError)
        )
    if isinstance(error, asyncpg.PostgresError):
        return _class_of(error) in _TRANSIENT_CLASSES
    # An internal error of the driver is what a connection raises that is lost between two steps of a statement.
    driver = asyncpg.InterfaceError | asyncpg.InternalClientError
    if isinstance(error, KafkaError):
        return refusal(error) in {None, Refusal.UNCLEAR}
    return isinstance(error, OSError | TimeoutError | driver | PoolTimeoutError)


def is_schema_error(error: BaseException) -> bool:
    """Whether the program and its database do not fit each other, so that every event would fail."""
    return _class_of(error) == _SCHEMA_CLASS


async def with_savepoints(
    tx: AsyncConnection, parts: Iterable[_Part], do: Callable[[_Part], Awaitable[None]]
) -> list[tuple[_Part, Exception]]:
    """Does each part in a savepoint of its own, after all together failed. Returns the parts that failed, with their errors.

    Raises transient failures and schema errors.
    """
    failed: list[tuple[_Part, Exception]] = []
    for part in parts:
        try:
            async with tx.begin_nested():
                await do(part)
        except Exception as error:
            if is_transient(error) or is_schema_error(error):
                raise
            failed.append((part, error))
    return failed


def _class_of(error: BaseException) -> str:
    """The class of the SQLSTATE, empty where there is none."""
    raised = error.orig if isinstance(error, DBAPIError) else error
    return (getattr(raised, "sqlstate", None) or "")[:2]
