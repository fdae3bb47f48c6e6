"""Which statements go to a database: those that SQLAlchemy executes, and those that are handed to the driver."""

import contextlib
from collections.abc import Generator
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

# A transaction's frame, and what the driver asks once about a type that it has not met.
_NOT_OURS = ("begin", "commit", "rollback", "with recursive typeinfo_tree", "select current_setting('jit')")


@contextlib.contextmanager
def counted(engine: AsyncEngine) -> Generator[list[str]]:
    """The statements of transactions that begin and end while entered, in their order."""
    statements: list[str] = []

    def executed(*given: Any) -> None:
        statements.append(given[2])

    def handed(query: Any) -> None:
        if not " ".join(query.query.lower().split()).startswith(_NOT_OURS):
            statements.append(query.query)

    def out(connection: Any, _record: object, _proxy: object) -> None:
        connection.driver_connection.add_query_logger(handed)

    def back(connection: Any, _record: object) -> None:
        connection.driver_connection.remove_query_logger(handed)

    hooks = (("before_cursor_execute", executed), ("checkout", out), ("checkin", back))
    for name, hook in hooks:
        event.listen(engine.sync_engine, name, hook)
    try:
        yield statements
    finally:
        for name, hook in hooks:
            event.remove(engine.sync_engine, name, hook)
