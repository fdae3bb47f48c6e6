"""What tests of case-mgmt do to it: hear a batch, answer as an agent, look into the tables."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import Identity
from antiphon.contracts.base import Event
from antiphon.postgres import revisions
from antiphon.process.clock import utc_now
from case_mgmt import actions
from case_mgmt.domain import tokens
from case_mgmt.replies import NewReply, request_reply
from tests.support.events import received

SECRET = "a secret of the tests"
AMARA = Identity("amara", "Amara", frozenset({"agent"}))
GRACE = Identity("grace", "Grace", frozenset({"agent"}))


async def hear(
    engine: AsyncEngine,
    *events: Event,
    now: datetime | None = None,
    at: datetime | None = None,
    offset: int | None = None,
) -> None:
    """One batch; `at` and `offset` say when its events were written and where they are in the log."""
    async with engine.begin() as tx:
        await take(tx, *events, now=now, at=at, offset=offset)


async def take(
    tx: AsyncConnection,
    *events: Event,
    now: datetime | None = None,
    at: datetime | None = None,
    offset: int | None = None,
) -> None:
    await actions.take(
        tx, received(events, at, offset), number_in=partial(tokens.read, secrets=[SECRET]),
        token_of=partial(tokens.make, secret=SECRET), reopen_closed_within=timedelta(days=14),
        now=now or utc_now(),
    )  # fmt: skip


def migrate(connection: Connection, revision: str) -> None:
    """Brings the tables to an older revision, or to a newer one."""
    config = Config()
    config.set_main_option("script_location", str(revisions.scripts("case_mgmt")))
    config.attributes["connection"] = connection
    step = command.upgrade if revision == "head" else command.downgrade
    step(config, revision)


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query))).all())


async def the_case(engine: AsyncEngine) -> Any:
    (case,) = await rows(engine, "select * from case_file left join case_work using (case_id)")
    return case


async def answer(
    engine: AsyncEngine,
    case_id: UUID,
    seen: int | None,
    *,
    who: Identity = AMARA,
    key: str = "k",
    said: str = "Yes.",
    confirm: str | None = None,
) -> tuple[Any, bool]:
    given = NewReply(text=said, confirm_recipient=confirm)
    async with engine.begin() as tx:
        return await request_reply(
            tx, case_id, given, key=key, seen=seen, who=who, secret=SECRET, now=utc_now()
        )  # fmt: skip
