"""What tests of case-mgmt do to it: apply a batch, answer as an agent, read the tables."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import Identity
from antiphon.contracts.base import Event
from antiphon.process.clock import utc_now
from case_mgmt.domain import tokens
from case_mgmt.domain.replies import Reply, ReplyDraft
from case_mgmt.intake import batch as intake
from case_mgmt.replies import request_reply
from tests.support.events import received

SECRET = "a secret of the tests"
AMARA = Identity("amara", "Amara", frozenset({"agent"}))
GRACE = Identity("grace", "Grace", frozenset({"agent"}))


async def apply(
    engine: AsyncEngine,
    *events: Event,
    now: datetime | None = None,
    at: datetime | None = None,
    offset: int | None = None,
) -> None:
    """Applies one batch. `at` and `offset`: when its events were written, and where they are in the log."""
    async with engine.begin() as tx:
        await apply_in(tx, *events, now=now, at=at, offset=offset)


async def apply_in(
    tx: AsyncConnection,
    *events: Event,
    now: datetime | None = None,
    at: datetime | None = None,
    offset: int | None = None,
) -> None:
    await intake.apply(
        tx, received(events, at, offset), read_token=partial(tokens.read, secrets=[SECRET]),
        make_token=partial(tokens.make, secret=SECRET), reopen_closed_within=timedelta(days=14),
        now=now or utc_now(),
    )  # fmt: skip


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query))).all())


async def the_case(engine: AsyncEngine) -> Any:
    (case,) = await rows(engine, "select * from case_file left join case_work using (case_id)")
    return case


async def answer(
    engine: AsyncEngine,
    case_id: UUID,
    seen_revision: int | None,
    *,
    who: Identity = AMARA,
    key: str = "k",
    words: str = "Yes.",
    confirm: str | None = None,
) -> Reply:
    draft = ReplyDraft(words, confirm_recipient=confirm)
    async with engine.begin() as tx:
        return await request_reply(
            tx, case_id, draft, key=key, seen_revision=seen_revision, who=who, secret=SECRET, now=utc_now()
        )
