"""Tables of drafts and of their trials."""

from typing import NamedTuple

from sqlalchemy import Boolean, Column, DateTime, Identity, Index, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from antiphon.postgres.personal_data import SEARCH, personal


class DraftTables(NamedTuple):
    """What is in force, how it comes to be, what people work on before, and what they tried it on."""

    configuration: Table
    publication: Table
    shadow: Table
    draft: Table
    trial: Table
    trial_item: Table


def draft_tables(of: MetaData) -> DraftTables:
    """Adds the tables to routing's metadata."""
    return DraftTables(
        # One with a share is in force for so many percent of the cases, beside the newest without one, until it is over.
        Table(
            "configuration",
            of,
            Column("version", Integer, Identity(), primary_key=True),
            Column("sha256", Text, nullable=False),
            Column("source", Text, nullable=False),
            Column("loaded_at", DateTime(timezone=True), nullable=False),
            Column("loaded_by", Text, nullable=False),
            Column("why", Text),
            Column("draft_id", Uuid),
            Column("trial_id", Uuid),
            Column("restores", Integer),
            Column("share", Integer),
            Column("over_at", DateTime(timezone=True)),
            Index(
                "configuration_one_share_key",
                text("(true)"),
                unique=True,
                postgresql_where=text("share is not null and over_at is null"),
            ),
            info=personal(
                none=["sha256", "why"],
                staff=["source", "loaded_by"],
            ),
        ),
        # How a draft comes into force when it does not at once, for all and for good.
        Table(
            "publication",
            of,
            Column("publication_id", Uuid, primary_key=True),
            Column("draft_id", Uuid, nullable=False),
            Column("source", Text, nullable=False),
            Column("base_version", Integer, nullable=False),
            Column("why", Text, nullable=False),
            Column("trial_id", Uuid),
            Column("authors", ARRAY(Text), nullable=False),
            Column("state", Text, nullable=False),
            Column("asked_at", DateTime(timezone=True), nullable=False),
            Column("asked_by", Text, nullable=False),
            Column("needs_approval", Boolean, nullable=False),
            Column("approved_at", DateTime(timezone=True)),
            Column("approved_by", Text),
            Column("approved_why", Text),
            Column("begins_at", DateTime(timezone=True)),
            Column("share", Integer, nullable=False),
            Column("widens_at", DateTime(timezone=True)),
            Column("ends_at", DateTime(timezone=True)),
            Column("version", Integer),
            Column("ended_at", DateTime(timezone=True)),
            Column("ended_by", Text),
            Column("ended_why", Text),
            Index("publication_list_ix", text("asked_at desc"), text("publication_id desc")),
            Index("publication_draft_ix", "draft_id"),
            info=personal(
                none=["why", "state", "approved_why", "ended_why"],
                staff=["source", "authors", "asked_by", "approved_by", "ended_by"],
            ),
        ),
        # A draft that decides beside what is in force, and never acts: one at a time, until `ends_at` at the latest.
        Table(
            "shadow",
            of,
            Column("shadow_id", Uuid, primary_key=True),
            Column("draft_id", Uuid, nullable=False),
            Column("draft_revision", Integer, nullable=False),
            Column("source", Text, nullable=False),
            Column("why", Text, nullable=False),
            Column("began_at", DateTime(timezone=True), nullable=False),
            Column("began_by", Text, nullable=False),
            Column("ends_at", DateTime(timezone=True), nullable=False),
            Column("ended_at", DateTime(timezone=True)),
            Column("ended_by", Text),
            Index("shadow_one_key", text("(true)"), unique=True, postgresql_where=text("ended_at is null")),
            Index("shadow_list_ix", text("began_at desc"), text("shadow_id desc")),
            info=personal(
                none=["why"],
                staff=["source", "began_by", "ended_by"],
            ),
        ),
        Table(
            "draft",
            of,
            Column("draft_id", Uuid, primary_key=True),
            Column("name", Text, nullable=False),
            Column("why", Text, nullable=False),
            Column("source", Text, nullable=False),
            Column("state", Text, nullable=False),
            Column("base_version", Integer, nullable=False),
            Column("revision", Integer, nullable=False),
            Column("created_at", DateTime(timezone=True), nullable=False),
            Column("created_by", Text, nullable=False),
            Column("changed_at", DateTime(timezone=True), nullable=False),
            Column("changed_by", Text, nullable=False),
            Column("authors", ARRAY(Text), nullable=False),
            Column("version", Integer),
            Index("draft_list_ix", text("changed_at desc"), text("draft_id desc")),
            info=personal(
                none=["name", "why", "state"],
                staff=["source", "created_by", "changed_by", "authors"],
            ),
        ),
        # `attempts` numbers the runs: what an older run still writes is not taken.
        Table(
            "trial",
            of,
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
        ),
        # Items that the draft decides otherwise. `results` has a letter a rule: t(rue), f(alse), e(rror).
        Table(
            "trial_item",
            of,
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
        ),
    )
