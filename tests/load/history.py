"""Years of history and a backlog: SQL copies the rows that real traffic left in the databases, with new ids and earlier times."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from deploy.stack import Stack
from tests.load.flow import Flow


class Copied(NamedTuple):
    """A table to copy. `changed` has SQL for the columns in which a copy differs."""

    service: str
    table: str
    changed: dict[str, str] = {}


NUMBERS_APART = 10_000_000

# `{k}` is the number of the copy. Unique columns get it; ids are derived from the id and the number, so that the rows of one copy
# refer to each other in every database.
TABLES = (
    Copied("customer-profile", "customer"),
    Copied("customer-profile", "identifier", {"key": "key || '-' || {k}", "value": "value || '-' || {k}"}),
    Copied("customer-profile", "interaction"),
    Copied(
        "case-mgmt", "case_file",
        {"number": f"number + {{k}}::bigint * {NUMBERS_APART}", "status": "'open'", "awaiting_answer_since": "null"},
    ),
    Copied(
        "case-mgmt", "case_work",
        {"queue": "null", "agent_id": "null", "agent_name": "null", "work_state": "'completed'", "due_at": "null"},
    ),
    Copied("case-mgmt", "channel_reference", {"reference": "reference || '-' || {k}"}),
    Copied("case-mgmt", "case_interaction"),
    Copied("case-mgmt", "case_entry", {"natural_key": "natural_key || '-' || {k}"}),
    Copied("routing", "case_record", {"awaits": "false"}),
    Copied("routing", "work_item", {"state": "'completed'", "agent_id": "null", "completed_at": "changed_at"}),
    Copied("routing", "clock", {"met_at": "started_at"}),
    Copied("routing", "decision"),
    Copied("ingest-direct", "interaction", {"idempotency_key": "idempotency_key || '-' || {k}"}),
)  # fmt: skip
# Waiting work has its case in both services: the reconciliation of routing would complete work without one.
WAITING = (
    Copied(
        "case-mgmt", "case_file", {"number": f"number + {{k}}::bigint * {NUMBERS_APART}", "status": "'open'"}
    ),
    Copied("case-mgmt", "case_work", {"work_state": "'queued'"}),
    Copied("routing", "case_record", {"awaits": "true"}),
    Copied("routing", "work_item", {"state": "'queued'", "agent_id": "null", "completed_at": "null"}),
    Copied("routing", "clock", {"met_at": "null", "due_at": "now() + interval '1 day' + random() * interval '30 days'"}),
)  # fmt: skip


class History:
    """Copies rows of the databases as they are at the first call: all later copies are of these rows."""

    def __init__(self, stack: Stack, flow: Flow) -> None:
        self._stack = stack
        self._flow = flow
        self._copies = 0
        self._columns: dict[tuple[str, str], list[Any]] = {}

    async def grow_to(self, interactions: int) -> int:
        """Adds copies until case-mgmt has about `interactions`; returns how many it has."""
        if not self._columns:
            await self._keep_origin()
        (row,) = await self._flow.query("case-mgmt", "select count(*) as n from origin_case_interaction")
        (now,) = await self._flow.query("case-mgmt", "select count(*) as n from case_interaction")
        more = max(0, round((interactions - now["n"]) / max(1, row["n"])))
        if more:
            await self._copy_all(TABLES, more)
            self._copies += more
            await self._vacuum()
        (now,) = await self._flow.query("case-mgmt", "select count(*) as n from case_interaction")
        count: int = now["n"]
        return count

    async def add_waiting(self, items: int) -> int:
        """Adds waiting work items, each with a running clock, until about `items` wait in routing; returns how many wait."""
        if not self._columns:
            await self._keep_origin()
        (row,) = await self._flow.query("routing", "select count(*) as n from origin_work_item")
        waiting = "select count(*) as n from work_item where state = 'queued'"
        (now,) = await self._flow.query("routing", waiting)
        more = max(0, round((items - now["n"]) / max(1, row["n"])))
        if more:
            await self._copy_all(WAITING, more)
            await self._flow.query(
                "routing",
                "insert into timer (kind, subject, due_at) select 'sla-clock', clock_id, due_at from clock "
                "where met_at is null and cancelled_at is null on conflict do nothing",
            )
            self._copies += more
            await self._vacuum()
        (now,) = await self._flow.query("routing", waiting)
        count: int = now["n"]
        return count

    async def _keep_origin(self) -> None:
        for copied in TABLES:
            await self._flow.query(
                copied.service, f"create unlogged table origin_{copied.table} as select * from {copied.table}"
            )
            columns = await self._flow.query(
                copied.service,
                "select column_name, data_type, is_identity = 'YES' or is_generated = 'ALWAYS' as made "
                "from information_schema.columns where table_name = $1",
                copied.table,
            )
            self._columns[copied.service, copied.table] = [c for c in columns if not c["made"]]

    async def _copy_all(self, tables: Sequence[Copied], more: int) -> None:
        # A case and its work become visible at the same time: routing would repair one without the other.
        services = sorted({copied.service for copied in tables})
        for service in services:
            await self._flow.query(service, "begin")
        for copied in tables:
            await self._copy(copied, self._copies + 1, self._copies + more)
        for service in services:
            await self._flow.query(service, "commit")

    async def _copy(self, copied: Copied, first: int, last: int) -> None:
        columns = self._columns[copied.service, copied.table]
        names = ", ".join(column["column_name"] for column in columns)
        values = ", ".join(_value(column, copied.changed) for column in columns)
        await self._flow.query(
            copied.service,
            f"insert into {copied.table} ({names}) select {values} from origin_{copied.table} "
            "cross join generate_series($1::int, $2::int) as k(k) order by k",
            first,
            last,
        )

    async def _vacuum(self) -> None:
        """Does what autovacuum would have done over the years."""
        for service in sorted({copied.service for copied in TABLES}):
            await self._flow.query(service, "vacuum analyze")
        await asyncio.to_thread(self._stack.postgres.sql, "postgres", "checkpoint")


def _value(column: Any, changed: dict[str, str]) -> str:
    name, kind = column["column_name"], column["data_type"]
    if name in changed:
        return changed[name].format(k="k.k")
    if kind == "uuid":
        return f"md5({name}::text || k.k)::uuid"
    if kind == "timestamp with time zone":
        return f"{name} - k.k * interval '1 hour'"
    return str(name)
