"""Decisions: the verdict of the rules on a case, with the context that they read for as long as its words are kept."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.http.pages import KeysetPage
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, fetch
from routing.domain.case_record import TakenBack
from routing.domain.rules.conditions import WORDS
from routing.store.base import METADATA

_MOST_OF_WORK = 50
_CASES_AT_ONCE = 200
_WITHOUT_WORDS = f"context = d.context - cast('{{{','.join(sorted(WORDS))}}}' as text[]), has_words = false"

# A redecision has the values of the work `before`, and `after` unless only a shadow would have changed it. The words of
# `interaction_ids` are in the context while `has_words`; `case_revision` is that of the event which carried them.
DECISION = Table(
    "decision",
    METADATA,
    Column("decision_id", Uuid, primary_key=True),
    Column("work_item_id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("context", JSONB, nullable=False),
    Column("trace", JSONB, nullable=False),
    Column("outcome", JSONB),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("shadow", JSONB),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("interaction_ids", ARRAY(Uuid), nullable=False, server_default="{}"),
    Column("case_revision", Integer, nullable=False, server_default="0"),
    Column("has_words", Boolean, nullable=False, server_default=text("true")),
    Index("decision_work_item_id_ix", "work_item_id"),
    Index("decision_at_ix", text("at desc"), text("decision_id desc")),
    Index("decision_shadow_ix", text("(shadow ->> 'shadow_id')"), text("at desc"), text("decision_id desc"),
          postgresql_where=text("shadow is not null")),
    Index("decision_words_ix", "case_id", postgresql_where=text("has_words")),
    info=personal(
        by={"work_item_id -> work_item.customer_id": ["context", "trace", "outcome", "shadow", "before", "after"]},
        none=["rule", "reason", "interaction_ids"],
    ),
)  # fmt: skip


_LAST_ASKED = text(
    "select context, has_words, at, version from decision "
    "where work_item_id in (select work_item_id from work_item where case_id = :case) and context <> '{}' "
    "order by at desc, case_revision desc limit 1"
)


async def get(tx: AsyncConnection, decision_id: UUID) -> AnyRow:
    """A decision, which there must be."""
    return (await tx.execute(select(DECISION).where(DECISION.c.decision_id == decision_id))).one()


async def last_asked(tx: AsyncConnection, case_id: UUID) -> AnyRow | None:
    """The newest decision about a case for which rules were asked; None when there is none."""
    (row,) = [*await fetch(tx, _LAST_ASKED, {"case": case_id})] or [None]
    return row


async def of_work(tx: AsyncConnection, work_item_id: UUID) -> Sequence[AnyRow]:
    """The newest 50 decisions that changed a work item, without what they were made on; the first first."""
    d = DECISION.c
    columns = (d.decision_id, d.version, d.rule, d.reason, d.at, d.before, d.after)
    query = select(*columns).where(
        d.work_item_id == work_item_id, or_(d.before.is_(None), d.after.is_not(None))
    )
    newest = query.order_by(d.at.desc(), d.case_revision.desc()).limit(_MOST_OF_WORK)
    return (await tx.execute(newest)).all()[::-1]


# An earlier revision of the case had the words, in one of its messages or as its subject. An event that comes late has an old
# subject: where it takes words from a decision, the work of that decision has no subject any more, and other work keeps its own.
# A decision with words that names no messages is from before routing kept their ids: they may be any of the case.
FORGET_TAKEN_BACK = text(
    f"""
    with taken as materialized (
        select * from jsonb_to_recordset(cast(:taken as jsonb))
            as t(case_id uuid, interaction_id uuid, case_revision int, subject text, is_late bool)
    ), decided as (
        update decision d set {_WITHOUT_WORDS} from taken t
        where d.case_id = t.case_id and d.has_words and d.case_revision < t.case_revision
            and (t.interaction_id = any(d.interaction_ids) or d.interaction_ids = '{{}}' or d.context ->> 'case.subject' <> coalesce(t.subject, ''))
        returning d.work_item_id
    )
    update work_item w set subject = case when not t.is_late then t.subject end
    from (select distinct on (case_id) * from taken order by case_id, case_revision desc, is_late) t
    where w.case_id = t.case_id and w.state = 'completed' and w.subject <> coalesce(t.subject, '')
        and (not t.is_late or w.work_item_id in (select work_item_id from decided))
    """
)
FORGET_OLD = text(
    f"""
    with ended as materialized (
        select case_id from case_record where awaited_until < :before
        order by awaited_until limit {_CASES_AT_ONCE} for update skip locked
    ), decided as (
        update decision d set {_WITHOUT_WORDS} from ended e where d.case_id = e.case_id and d.has_words
    ), untitled as (
        update work_item w set subject = null from ended e
        where w.case_id = e.case_id and w.state = 'completed' and w.subject is not null
    )
    update case_record c set awaited_until = null from ended e where c.case_id = e.case_id
    """
)


async def forget_taken_back(tx: AsyncConnection, taken: Sequence[TakenBack]) -> None:
    """Deletes the words of decisions that were made on words taken back since, and subjects of completed work with them."""
    if taken:
        await fetch(tx, FORGET_TAKEN_BACK, {"taken": as_parameter(taken)})


def as_parameter(taken: Sequence[TakenBack]) -> str:
    """Words that were taken back, as FORGET_TAKEN_BACK reads them."""
    return as_json([one._asdict() for one in taken])


async def forget_old(tx: AsyncConnection, before: datetime) -> int:
    """Deletes the words of decisions of at most 200 cases that have awaited no answer since `before`; returns how many cases.

    The subjects of their completed work go too. Facts stay, such as topics, tone and channel.
    """
    return (await tx.execute(FORGET_OLD, {"before": before})).rowcount


BY_TIME = KeysetPage(DECISION.c.at, DECISION.c.decision_id)


async def differing(tx: AsyncConnection, shadow_id: UUID, cursor: str | None, limit: int) -> Sequence[AnyRow]:
    """Rows of a page BY_TIME of the decisions that a shadow would have made otherwise. Raises Problem 400."""
    query = select(DECISION).where(
        DECISION.c.shadow.is_not(None),
        DECISION.c.shadow["shadow_id"].astext == str(shadow_id),
        DECISION.c.shadow["differs"].astext != "[]",
    )
    return (await tx.execute(BY_TIME.after(query, cursor, limit))).all()
