"""Which failures pass by themselves: the database or the broker is away, or two transactions were in each other's way."""

import asyncpg
from aiokafka.errors import KafkaError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# SQLSTATE classes: connection, transaction rollback (serialisation, deadlock), resources, operator intervention,
# system error. Source: PostgreSQL documentation, appendix A.
_PASSING_CLASSES = {"08", "40", "53", "57", "58"}


def is_passing(error: BaseException) -> bool:
    """Whether trying the same again later can succeed."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return (
            error.connection_invalidated
            or isinstance(error, InterfaceError | OperationalError)
            or state[:2] in _PASSING_CLASSES
            or isinstance(error.orig, OSError)
        )
    if isinstance(error, asyncpg.PostgresError):
        return (getattr(error, "sqlstate", None) or "")[:2] in _PASSING_CLASSES
    # An internal error of the driver is what a connection raises that is lost between two steps of a statement.
    driver = asyncpg.InterfaceError | asyncpg.InternalClientError
    return isinstance(error, OSError | TimeoutError | driver | PoolTimeoutError | KafkaError)
