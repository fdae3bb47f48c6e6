"""Trials of drafts on past decisions."""

from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import SEARCH, personal
from antiphon.postgres.query import AnyRow
from routing.store.base import METADATA

# `attempts` numbers the runs: what an older run still writes is not taken.
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


# Items that the draft decides otherwise. `results` has a letter a rule: t(rue), f(alse), e(rror).
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
