"""Trials of drafts on past decisions."""

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from antiphon.postgres.personal_data import SEARCH, personal
from routing.store.base import METADATA

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


# Decisions that the draft makes differently. `results` has one letter for each rule: t(rue), f(alse), e(rror).
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
