"""Which failures are transient, so that the service waits and retries, and which need a repair."""

import asyncpg
import pytest
from aiokafka import errors
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from antiphon.failures import Refusal, is_transient, refusal


class DriverError(Exception):
    """An error of a driver, with the SQLSTATE of PostgreSQL."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "transient"),
    [
        ("08006", True),  # the connection is lost
        ("40001", True),  # serialisation
        ("40P01", True),  # deadlock
        ("53100", True),  # the disk is full
        ("53300", True),  # too many connections
        ("57014", True),  # cancelled
        ("57P01", True),  # the server shuts down
        ("58030", True),  # an I/O error
        ("22001", False),  # too long a value
        ("23505", False),  # a duplicate
        ("42P01", False),  # no such table
        ("XX000", False),  # an internal error of PostgreSQL
        ("", False),
    ],
)
def test_the_class_of_a_sqlstate_decides_whether_an_error_is_transient(
    sqlstate: str, transient: bool
) -> None:
    assert is_transient(DBAPIError("select 1", {}, DriverError(sqlstate))) is transient


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        ConnectionResetError(),
        TimeoutError(),
        KafkaConnectionError(),
        RequestTimedOutError(),
        PoolTimeoutError(),
        asyncpg.InterfaceError("the connection is closed"),
        asyncpg.AdminShutdownError(),
        DBAPIError("select 1", {}, OSError()),
        DBAPIError("select 1", {}, DriverError("42P01"), connection_invalidated=True),
        InterfaceError("select 1", {}, DriverError("")),
        OperationalError("select 1", {}, DriverError("")),
    ],
    ids=repr,
)
def test_a_server_that_is_down_is_a_transient_failure(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        KeyError("a bug"),
        LookupError(),
        asyncpg.UniqueViolationError(),
        ProgrammingError("select 1", {}, DriverError("42703")),
    ],
    ids=repr,
)
def test_a_bug_is_not_transient(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (errors.MessageSizeTooLargeError, Refusal.RECORD),
        (errors.RecordListTooLargeError, Refusal.RECORD),
        (errors.CorruptRecordException, Refusal.RECORD),
        (errors.UnsupportedForMessageFormatError, Refusal.RECORD),
        (errors.PolicyViolationError, Refusal.RECORD),
        (errors.InvalidTopicError, Refusal.TOPIC),
        (errors.TopicAuthorizationFailedError, Refusal.TOPIC),
    ],
)
def test_a_refusal_of_one_record_or_topic_is_not_transient(
    error: type[errors.KafkaError], refused: Refusal
) -> None:
    assert refusal(error()) is refused
    assert not is_transient(error())


@pytest.mark.parametrize(
    "error",
    [
        errors.KafkaConnectionError,
        errors.NodeNotReadyError,
        errors.RequestTimedOutError,
        errors.NotLeaderForPartitionError,
        errors.LeaderNotAvailableError,
        errors.NotEnoughReplicasError,
        errors.NotEnoughReplicasAfterAppendError,
        errors.UnknownTopicOrPartitionError,  # metadata may be stale; the publisher counts how long
        errors.KafkaStorageError,
        errors.BrokerNotAvailableError,
        errors.InvalidTimestampError,  # a record has the time of its sending, so the fault is our clock's
        errors.ProducerFenced,
        errors.OutOfOrderSequenceNumber,
        errors.UnknownProducerId,
        errors.ClusterAuthorizationFailedError,
        errors.AuthenticationFailedError,
        errors.SaslAuthenticationFailed,
        errors.KafkaTimeoutError,
    ],
)
def test_a_refusal_of_all_events_at_once_is_transient_and_parks_none(
    error: type[errors.KafkaError],
) -> None:
    assert refusal(error()) is None
    assert is_transient(error())


def test_a_refusal_without_a_known_reason_is_unclear_and_transient() -> None:
    assert refusal(errors.UnknownError()) is Refusal.UNCLEAR
    assert is_transient(errors.UnknownError())
