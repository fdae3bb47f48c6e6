"""Measures the recovery: a message sent after the fault is on a case, and that case has work in a queue."""

import asyncio
import time
from uuid import UUID

import asyncpg

from antiphon.failures import is_transient
from deploy.stack import Stack
from tests.load.traffic import Customers, Message

POLL_S = 0.1
PATIENCE_S = 120
# An entry gets its id before it is committed: the next query starts at lower ids.
MARGIN = 2000


class RecoveryWatch:
    """Follows a message to its queue. Connects to the databases again when a connection breaks."""

    def __init__(self, stack: Stack, entry: int) -> None:
        self._stack = stack
        self._entry = entry
        self._db: dict[str, asyncpg.Connection] = {}

    async def recovered_at(self, customers: Customers, message: Message) -> float | None:
        """Sends a message and returns the time (monotonic clock) when it is in a queue; None after `PATIENCE_S`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await customers.send(message)
                case_id: UUID | None = None
                while True:
                    case_id = case_id or await self._case_of(message)
                    if await self._is_queued(case_id):
                        return time.monotonic()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            return None
        finally:
            for connection in self._db.values():
                connection.terminate()

    async def _case_of(self, message: Message) -> UUID | None:
        row = await self._query(
            "case-mgmt",
            "select max(e.id) over () as newest, i.case_id, "
            "i.interaction->'content'->>'text' like $2 as is_it from case_entry e "
            "join case_interaction i on i.interaction_id = (e.data->>'interaction_id')::uuid "
            "where e.id > $1 and e.kind = 'interaction' order by is_it desc limit 1",
            self._entry,
            f"%{message.token}%",
        )
        if row is None:
            return None
        self._entry = max(self._entry, row["newest"] - MARGIN)
        return row["case_id"] if row["is_it"] else None

    async def _is_queued(self, case_id: UUID | None) -> bool:
        if case_id is None:
            return False
        query = "select 1 from work_item where case_id = $1"
        return await self._query("routing", query, case_id) is not None

    async def _query(self, service: str, query: str, *parameters: object) -> asyncpg.Record | None:
        try:
            connection = self._db.get(service)
            if connection is None or connection.is_closed():
                url = self._stack.postgres.url(service).replace("postgresql+asyncpg", "postgresql")
                connection = self._db[service] = await asyncpg.connect(url, timeout=2)
            return await connection.fetchrow(query, *parameters, timeout=5)
        except Exception as error:
            if not is_transient(error):
                raise
            return None
