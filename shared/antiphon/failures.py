"""Which failures pass by themselves, and which are no event's fault: a batch waits for the one, the process stops on the other.

What else fails all at once is done one by one.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import asyncpg
from aiokafka.errors import KafkaError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

_Part = TypeVar("_Part")

# SQLSTATE classes: connection, transaction rollback (serialisation, deadlock), resources, operator intervention,
# system error. Source: PostgreSQL documentation, appendix A.
_PASSING_CLASSES = {"08", "40", "53", "57", "58"}
# Syntax errors and access rule violations: a table or column that the database lacks, a right that the role has not.
_OURS = "42"


def is_passing(error: BaseException) -> bool:
    """Whether trying the same again later can succeed."""
    if isinstance(error, DBAPIError):
        return (
            error.connection_invalidated
            or isinstance(error, InterfaceError | OperationalError)
            or _class_of(error) in _PASSING_CLASSES
            or isinstance(error.orig, OSError)
        )
    if isinstance(error, asyncpg.PostgresError):
        return _class_of(error) in _PASSING_CLASSES
    # An internal error of the driver is what a connection raises that is lost between two steps of a statement.
    driver = asyncpg.InterfaceError | asyncpg.InternalClientError
    return isinstance(error, OSError | TimeoutError | driver | PoolTimeoutError | KafkaError)


def is_ours(error: BaseException) -> bool:
    """Whether the program and its database do not fit each other: every event would fail, so none is to blame."""
    return _class_of(error) == _OURS


async def one_by_one(
    tx: AsyncConnection, parts: Iterable[_Part], do: Callable[[_Part], Awaitable[None]]
) -> list[tuple[_Part, Exception]]:
    """Does each part on its own, where all at once failed: those that fail are undone, and come back with their errors.

    Raises what is passing, or ours.
    """
    failed: list[tuple[_Part, Exception]] = []
    for part in parts:
        try:
            async with tx.begin_nested():
                await do(part)
        except Exception as error:
            if is_passing(error) or is_ours(error):
                raise
            failed.append((part, error))
    return failed


def _class_of(error: BaseException) -> str:
    """The class of the SQLSTATE, empty where there is none."""
    raised = error.orig if isinstance(error, DBAPIError) else error
    return (getattr(raised, "sqlstate", None) or "")[:2]
