"""A task waits for PostgreSQL's NOTIFY."""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.postgres.engine import detach

LOST = ""


class Listener:
    """Listens on NOTIFY channels with a connection of its own, outside the pool, while it is entered.

    A notification may be missed while the connection is away, so a waiter always passes a timeout and then looks.
    """

    def __init__(self, engine: AsyncEngine, *channels: str) -> None:
        self._engine = engine
        self._channels = channels
        self._event = asyncio.Event()
        self._notified: dict[str, set[str]] = {}
        self._connection: AsyncConnection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await self._engine.connect()
        raw = await self._connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await detach(self._connection)
        for channel in self._channels:
            await driver.add_listener(channel, self._wake)
        driver.add_termination_listener(self._wake)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    def _wake(
        self, _connection: object, _process: object = None, channel: str = LOST, payload: str = ""
    ) -> None:
        self._notified.setdefault(channel, set()).add(payload)
        self._event.set()

    def wake(self) -> None:
        """Wakes the waiter from inside the process."""
        self._event.set()

    async def wait(self, timeout: float) -> Mapping[str, set[str]]:  # noqa: ASYNC109 - a bound, not a failure
        """Returns when notified since the last wait, or after `timeout` seconds: on which channels, each with its payloads.

        None after a timeout. `LOST` is among them when the connection has ended.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        self._event.clear()
        notified, self._notified = self._notified, {}
        return notified
