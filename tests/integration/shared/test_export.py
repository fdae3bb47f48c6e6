"""An export misses no change, whatever changes and commits in whichever order while it is read."""

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.http import pages
from antiphon.http.problems import Problem
from case_mgmt import store as case_mgmt
from customer_profile import store as profile
from customer_profile.store.customers import Customer
from routing import store as routing
from tests.conftest import NewDatabase
from tests.support.statements import counted
from tests.support.waiting import until

_ADD = "insert into customer (customer_id, since) values (:id, now())"
_CHANGE = "update customer set revision = revision + 1 where customer_id = :id"
CUSTOMERS = "customer (customer_id, since) select gen_random_uuid(), now()"
CASES = (
    "case_file (case_id, number, status, customer_id, customer, opened_at, changed_at, interactions, replies, reopened, "
    "revision, words_revision) select gen_random_uuid(), n, 'open', gen_random_uuid(), "
    "jsonb_build_object('customer_id', gen_random_uuid(), 'since', now()), now(), now(), 1, 0, 0, 1, 1"
)
WORK = (
    "work_item (work_item_id, case_id, case_reference, customer_id, channel, state, queue, priority, skills, queued_at, changed_at) "
    "select gen_random_uuid(), gen_random_uuid(), n, gen_random_uuid(), 'email', 'queued', 'q', 0, '{}', now(), now()"
)


@pytest.fixture
async def engine(new_database: NewDatabase) -> AsyncEngine:
    return await new_database("customer_profile")


class History:
    """Customers that are added and changed in transactions which end in any order, while an export is read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.chance = random.Random(0)  # noqa: S311 - not for secrets
        self.seen: dict[UUID, int] = {}
        self.cursor: str | None = None
        self.more = True
        self.running: dict[AsyncConnection, set[UUID]] = {}

    async def begins(self) -> None:
        if len(self.running) < 3:
            connection = await self.engine.connect()
            await connection.execute(text("select pg_current_xact_id()"))
            self.running[connection] = set()

    async def changes(self) -> None:
        """One of the transactions changes a customer that no other one has locked, or adds one."""
        if not self.running:
            return
        tx = self.chance.choice(list(self.running))
        locked = set[UUID]().union(*self.running.values()) - self.running[tx]
        free = sorted(set(self.seen) - locked)
        known = free and self.chance.random() < 0.8
        customer = self.chance.choice(free) if known else uuid4()
        await tx.execute(text(_CHANGE if known else _ADD), {"id": customer})
        self.running[tx].add(customer)

    async def ends(self) -> None:
        if self.running:
            tx = self.chance.choice(list(self.running))
            del self.running[tx]
            await (tx.commit() if self.chance.random() < 0.8 else tx.rollback())
            await tx.close()

    async def reads(self) -> None:
        async with self.engine.connect() as connection:
            part = await profile.customers.export(
                connection, self.cursor, self.chance.randrange(1, 4), _state
            )
        self.cursor, self.more = part.next, part.more
        for customer, revision in part.items:
            assert revision >= self.seen.get(customer, 0), "an export never shows an older state"
            self.seen[customer] = revision

    async def has_seen_all(self) -> bool:
        self.more = True
        while self.more:
            await self.reads()
        async with self.engine.connect() as connection:
            rows = (await connection.execute(text("select customer_id, revision from customer"))).all()
        return self.seen == {row.customer_id: row.revision for row in rows}


def _same(row: object) -> object:
    return row


def _state(customer: Customer) -> tuple[UUID, int]:
    return customer.record.customer_id, customer.record.revision


async def test_an_export_shows_every_row_in_its_newest_state_whatever_commits_late(
    engine: AsyncEngine,
) -> None:
    history = History(engine)
    actions = [history.begins, history.changes, history.changes, history.ends, history.reads]
    for seed in range(60):
        history.chance.seed(seed)
        for _ in range(40):
            await history.chance.choice(actions)()
        while history.running:
            await history.ends()
        await until(history.has_seen_all, what=f"the newest state of every row, with the seed {seed}")


@pytest.mark.parametrize(
    ("service", "rows", "index"),
    [
        ("customer_profile", CUSTOMERS, "customer_changed_xid_ix"),
        ("case_mgmt", CASES, "case_file_changed_xid_ix"),
        ("routing", WORK, "work_item_changed_xid_ix"),
    ],
)
async def test_a_part_of_an_export_reads_only_the_rows_that_it_shows(
    new_database: NewDatabase, service: str, rows: str, index: str
) -> None:
    engine = await new_database(service)
    async with engine.begin() as tx:
        await tx.execute(text(f"insert into {rows} from generate_series(1, 20000) n"))
    async with engine.begin() as tx:
        await tx.execute(text("analyze"))
    cursor = pages.encode_cursor("1", str(UUID(int=0)))
    exports: dict[str, Any] = {
        "customer_profile": profile.customers, "case_mgmt": case_mgmt.cases, "routing": routing.work_items,
    }  # fmt: skip
    with counted(engine) as statements:
        async with engine.connect() as connection:
            await exports[service].export(connection, cursor, 50, _same)
    (query,) = (one for one in statements if "changed_in" in one)
    xid, item = pages.decode_cursor(cursor, (str, str))
    async with engine.begin() as tx:
        await tx.execute(text(f"prepare part as {query}"))
        run = text(f"explain (analyze, timing off, costs off) execute part('{xid}', '{item}', 51)")
        plan = "\n".join(row[0] for row in await tx.execute(run))
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan, plan
    assert "Rows Removed" not in plan, plan


@pytest.mark.parametrize(
    ("place", "status"),
    [(("x", "y"), 400), (("-1", str(UUID(int=0))), 400), (("9" * 18, str(UUID(int=0))), 410)],
)
async def test_a_cursor_of_no_export_or_of_another_database_is_refused(
    engine: AsyncEngine, place: tuple[str, str], status: int
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(Problem) as refused:
            await profile.customers.export(connection, pages.encode_cursor(*place), 5, _state)
    assert refused.value.status == status
