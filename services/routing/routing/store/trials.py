"""Trials of drafts on past decisions."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import SEARCH, personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA
from routing.store.decisions import DECISION

# `attempts` numbers the runs, so that writes of an older run are ignored.
TRIAL = Table(
    "trial",
    METADATA,
    Column("trial_id", Uuid, primary_key=True),
    Column("draft_id", Uuid, nullable=False),
    Column("draft_revision", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("against_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("last", Integer, nullable=False),
    Column("since", DateTime(timezone=True)),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("total", Integer),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("touched_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("failure", Text),
    Column("rules", JSONB),
    Column("result", JSONB),
    Index("trial_waiting_ix", "asked_at", postgresql_where=text("state in ('asked', 'running')")),
    Index("trial_list_ix", "draft_id", text("asked_at desc"), text("trial_id desc")),
    info=personal(
        by={SEARCH: ["result"]},
        none=["state", "failure", "rules"],
        staff=["source", "asked_by"],
    ),
)


# Decisions that the draft makes differently. `results` has one letter for each rule: t(rue), f(alse), e(rror), n(ot asked).
TRIAL_ITEM = Table(
    "trial_item",
    METADATA,
    Column("trial_id", Uuid, primary_key=True),
    Column("decision_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("rule", Text, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Column("results", Text, nullable=False),
    Column("errors", JSONB, nullable=False),
    Index("trial_item_list_ix", "trial_id", text("at desc"), text("decision_id desc")),
    info=personal(
        by={
            "decision_id -> decision.work_item_id -> work_item.customer_id": [
                "before",
                "after",
                "errors",
            ]
        },
        none=["rule", "results"],
    ),
)


async def get(tx: AsyncConnection, trial_id: UUID) -> AnyRow | None:
    """A trial, if there is one of this id."""
    return (await tx.execute(select(TRIAL).where(TRIAL.c.trial_id == trial_id))).one_or_none()


BY_REQUEST = KeysetPage(TRIAL.c.asked_at, TRIAL.c.trial_id)
ITEMS_BY_TIME = KeysetPage(TRIAL_ITEM.c.at, TRIAL_ITEM.c.decision_id)


async def of_draft(tx: AsyncConnection, draft_id: UUID, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_REQUEST of a draft's trials. Raises Problem 400 for a cursor that is none."""
    query = select(TRIAL).where(TRIAL.c.draft_id == draft_id)
    return (await tx.execute(BY_REQUEST.after(query, cursor, limit))).all()


async def items(
    tx: AsyncConnection, trial_id: UUID, from_queue: str | None, to_queue: str | None, cursor: str | None, limit: int
) -> Sequence[AnyRow]:  # fmt: skip
    """Rows of a page ITEMS_BY_TIME of what a trial decides otherwise, with the recorded decision. Raises Problem 400.

    `from_queue` and `to_queue`: only items that were decided into the one and would go to the other.
    """
    d, i = DECISION.c, TRIAL_ITEM.c
    query = (
        select(
            TRIAL_ITEM,
            d.work_item_id,
            d.case_id,
            d.version,
            d.trace,
            d.rule.label("decided_by"),
            d.before.is_not(None).label("later_words"),
        )
        .join(DECISION, d.decision_id == i.decision_id)
        .where(i.trial_id == trial_id)
    )
    for outcome, queue in ((i.before, from_queue), (i.after, to_queue)):
        if queue is not None:
            query = query.where(outcome["queue"].astext == queue)
    return (await tx.execute(ITEMS_BY_TIME.after(query, cursor, limit))).all()
