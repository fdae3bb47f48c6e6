"""The statements that go to a database, by SQLAlchemy or directly by the driver."""

import contextlib
from collections.abc import Generator
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

# The frame of a transaction, and the driver's own queries about a type that is new to it.
_IGNORED = ("begin", "commit", "rollback", "with recursive typeinfo_tree", "select current_setting('jit')")


@contextlib.contextmanager
def counted(engine: AsyncEngine) -> Generator[list[str]]:
    """Collects the statements of transactions that begin and end in the block, in their order."""
    statements: list[str] = []

    def on_execute(*arguments: Any) -> None:
        statements.append(arguments[2])

    def on_driver_query(query: Any) -> None:
        if not " ".join(query.query.lower().split()).startswith(_IGNORED):
            statements.append(query.query)

    def on_checkout(connection: Any, _record: object, _proxy: object) -> None:
        connection.driver_connection.add_query_logger(on_driver_query)

    def on_checkin(connection: Any, _record: object) -> None:
        connection.driver_connection.remove_query_logger(on_driver_query)

    hooks = (("before_cursor_execute", on_execute), ("checkout", on_checkout), ("checkin", on_checkin))
    for name, hook in hooks:
        event.listen(engine.sync_engine, name, hook)
    try:
        yield statements
    finally:
        for name, hook in hooks:
            event.remove(engine.sync_engine, name, hook)
