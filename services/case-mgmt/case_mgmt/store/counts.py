"""How much this service has stored."""

from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from case_mgmt.store.cases import CASE, CLOSED_UNSEEN
from case_mgmt.store.interactions import INTERACTION
from case_mgmt.store.replies import REPLY

_DEAD_LETTERS = text("select count(*) from dead_letter where replayed_at is null")


class Counts(NamedTuple):
    """Interactions, cases by status, those closed that no person saw, replies by state, dead letters not replayed."""

    interactions: int
    cases: dict[str, int]
    closed_unseen: int
    replies: dict[str, int]
    dead_letters: int


async def read(connection: AsyncConnection) -> Counts:
    """Counts what is stored."""
    interactions = await connection.scalar(select(func.count()).select_from(INTERACTION))
    cases = await connection.execute(select(CASE.c.status, func.count()).group_by(CASE.c.status))
    unseen = await connection.scalar(select(func.count()).select_from(CASE).where(CLOSED_UNSEEN))
    replies = await connection.execute(select(REPLY.c.state, func.count()).group_by(REPLY.c.state))
    dead_letters = await connection.scalar(_DEAD_LETTERS)
    return Counts(
        interactions=interactions or 0,
        cases={str(status): int(n) for status, n in cases},
        closed_unseen=unseen or 0,
        replies={str(state): int(n) for state, n in replies},
        dead_letters=dead_letters or 0,
    )
