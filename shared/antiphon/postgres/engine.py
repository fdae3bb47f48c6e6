"""The engine of a service's database, and the names of its constraints.

SQLAlchemy Core on asyncpg. A transaction is opened at the edge (`async with engine.begin() as tx`) and committed there.
"""

from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


_SESSION = {
    "timezone": "UTC",
    # Events and interactions are 1 to 4 KB of JSON: lz4 packs them in a fifth of pglz's time.
    "default_toast_compression": "lz4",
    # A process that was frozen inside a transaction gives back what it locked.
    "idle_in_transaction_session_timeout": "30s",
}


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """An engine for `url` (`postgresql+asyncpg://…`). A pooled connection that the server ended is not handed out."""
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        connect_args={"server_settings": _SESSION, "timeout": 10, "command_timeout": 60},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


async def detach(connection: AsyncConnection) -> None:
    """Takes a connection out of the pool, which may open another one. It ends when it is closed, with its locks and listeners.

    For what holds a connection as long as it runs: so many of these would leave none for the transactions.
    """
    await connection.run_sync(lambda one: one.detach())


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    # The driver knows of a connection's end without asking: the pool's own pre-ping costs three round trips each time.
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def metadata() -> MetaData:
    """An empty MetaData whose constraints have predictable names."""
    return MetaData(naming_convention=NAMING)
