"""Interactions on their cases, and by which reply each was answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, bindparam, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.cases import ThreadedBy
from antiphon.contracts.identified import IdentifierConflict, Reading
from antiphon.contracts.interactions import Automation, Interaction
from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import AnyRow, as_json, fetch, recordset
from antiphon.postgres.writes import Writes
from case_mgmt.domain.interactions import (
    CaseInteraction,
    CurrentVersion,
    DeletedInteraction,
    EditedInteraction,
    FormerContent,
    WordsOnCase,
)
from case_mgmt.domain.replies import FailedReply
from case_mgmt.domain.unanswered import FIRST_WORDS, MOST_BYTES, MOST_INTERACTIONS
from case_mgmt.store.base import METADATA

INTERACTION = Table(
    "case_interaction",
    METADATA,
    Column("interaction_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("interaction", JSONB, nullable=False),
    Column("reading", JSONB, nullable=False),
    Column("threaded_by", Text, nullable=False),
    Column("conflicts", JSONB, nullable=False, server_default="[]"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("earlier", JSONB, nullable=False, server_default="[]"),
    Column("deleted_at", DateTime(timezone=True)),
    # The reply that answered it, or WITHOUT_REPLY; null while it awaits an answer.
    Column("answered_by", Uuid),
    Index("case_interaction_accepted_ix", "case_id", "accepted_at"),
    info=personal(
        by={"case_id -> case_file.customer_id": ["interaction", "reading", "conflicts", "earlier"]},
        none=["threaded_by"],
    ),
)

# In the place of a reply's id: a person resolved or closed the case without one.
WITHOUT_REPLY = UUID(int=0)

_CONFLICTS = TypeAdapter(list[IdentifierConflict])
_EARLIER = TypeAdapter(list[FormerContent])
_IDS = bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True)))
_SINCE = bindparam("since", type_=ARRAY(DateTime(timezone=True)))
_VERSIONS = text(
    "select interaction_id, case_id, interaction, reading, cast(earlier -> -1 ->> 'replaced_at' as timestamptz) as edited_at, "
    "deleted_at is not null as is_deleted from case_interaction where interaction_id in (select unnest(:ids))"
).bindparams(_IDS)
NEWEST_OF_PEOPLE = text(
    "select distinct on (case_id) case_id, interaction from case_interaction where case_id = any(:ids) "
    f"and deleted_at is null and interaction ->> 'automation' = '{Automation.NONE.value}' "
    "order by case_id, accepted_at desc"
).bindparams(_IDS)
UNANSWERED = text(
    f"""
    select w.case_id, i.interaction, i.reading from unnest(:ids, :since) as w(case_id, since)
    cross join lateral (
        select s.*, sum(length(s.words)) over (order by accepted_at desc rows unbounded preceding) as so_far from (
            select right(interaction #>> '{{content,text}}', {MOST_BYTES}) as words, reading, accepted_at,
                interaction #- '{{content,html}}' #- '{{content,quoted}}' #- '{{content,signature}}' #- '{{content,text}}' as interaction
            from case_interaction
            where case_id = w.case_id and accepted_at >= w.since and deleted_at is null and answered_by is null
                and interaction ->> 'automation' = '{Automation.NONE.value}'
            order by accepted_at desc limit {MOST_INTERACTIONS}
        ) s
    ) j
    cross join lateral (
        select jsonb_set(j.interaction, '{{content,text}}', to_jsonb(j.words)) as interaction, j.reading, j.accepted_at
        where j.so_far - length(j.words) < {MOST_BYTES}
    ) i order by w.case_id, i.accepted_at
    """
).bindparams(_IDS, _SINCE)
_OF_PEOPLE = f"deleted_at is null and interaction ->> 'automation' = '{Automation.NONE.value}'"
WORDS_ON_CASES = text(
    f"""
    select case_id, interaction_id, accepted_at, answered_by is not null as is_answered
    from case_interaction where interaction_id = any(:deleted) and {_OF_PEOPLE}
    union all select w.case_id, i.* from unnest(:ids, :most) as w(case_id, most) cross join lateral (
        (select interaction_id, accepted_at, false from case_interaction
            where case_id = w.case_id and answered_by is null and {_OF_PEOPLE} order by accepted_at limit w.most)
        union all
        (select interaction_id, accepted_at, true from case_interaction
            where case_id = w.case_id and answered_by is not null and {_OF_PEOPLE} order by accepted_at limit w.most)
    ) i
    """
).bindparams(
    _IDS,
    bindparam("most", type_=ARRAY(BIGINT)),
    bindparam("deleted", type_=ARRAY(PG_UUID(as_uuid=True))),
)
# Of the case of the row of `case_file` beside it; null where nothing awaits an answer.
NEWEST_UNANSWERED = literal_column(
    f"""
    (select jsonb_build_object(
        'text', left(interaction #>> '{{content,text}}', {10 * FIRST_WORDS}), 'tone', reading ->> 'tone',
        'channel', interaction ->> 'channel'
    ) from case_interaction where case_id = case_file.case_id and accepted_at >= case_file.awaiting_answer_since
    and answered_by is null and {_OF_PEOPLE} order by accepted_at desc limit 1)
    """,
    JSONB,
).label("newest_unanswered")
_MARK_ANSWERED = text(
    "update case_interaction set answered_by = :by where case_id = :case_id and accepted_at >= :since and answered_by is null"
)
_MARK_UNANSWERED = text(
    "update case_interaction i set answered_by = null from unnest(:replies, :ids, :since) as f(reply_id, case_id, since) "
    "where i.case_id = f.case_id and i.accepted_at >= f.since and i.answered_by = f.reply_id"
).bindparams(_IDS, bindparam("replies", type_=ARRAY(PG_UUID(as_uuid=True))), _SINCE)
_EDITED = recordset([INTERACTION.c[n] for n in ("interaction_id", "interaction", "reading", "earlier")])
_EDIT = text(
    "update case_interaction i set earlier = i.earlier || r.earlier, interaction = r.interaction, reading = r.reading "
    f"from {_EDITED} r where i.interaction_id = r.interaction_id"
)
_DELETED = recordset([INTERACTION.c.interaction_id, INTERACTION.c.deleted_at])
_DELETE = text(
    f"update case_interaction i set deleted_at = r.deleted_at from {_DELETED} r "
    "where i.interaction_id = r.interaction_id and i.deleted_at is null"
)


def add(writes: Writes, interactions: Sequence[CaseInteraction]) -> None:
    """Adds interactions to their cases."""
    writes.insert(INTERACTION, [vars(one) for one in interactions], then="on conflict do nothing")


async def edit(tx: AsyncConnection, edited: Sequence[EditedInteraction]) -> None:
    """Writes the new content of interactions, and adds the former content to what they said earlier."""
    if edited:
        await tx.execute(_EDIT, {"rows": as_json([vars(one) for one in edited])})


async def delete(tx: AsyncConnection, deleted: Sequence[DeletedInteraction]) -> None:
    """Marks interactions as deleted. The content stays stored; views hide it."""
    if deleted:
        await tx.execute(_DELETE, {"rows": as_json([vars(one) for one in deleted])})


async def current_versions(
    tx: AsyncConnection, interaction_ids: Sequence[UUID]
) -> dict[UUID, CurrentVersion]:
    """The newest versions of interactions, by id."""
    if not interaction_ids:
        return {}
    return {
        row.interaction_id: CurrentVersion(
            row.case_id,
            Interaction.model_validate(row.interaction),
            Reading.model_validate(row.reading),
            row.edited_at,
            row.is_deleted,
        )
        for row in await fetch(tx, _VERSIONS, {"ids": list(interaction_ids)})
    }


async def of_case(connection: AsyncConnection, case_id: UUID) -> list[CaseInteraction]:
    """The interactions of a case, by the time at which they occurred."""
    query = select(INTERACTION).where(INTERACTION.c.case_id == case_id).order_by(INTERACTION.c.occurred_at)
    return [_interaction_of(row) for row in await connection.execute(query)]


async def on_case(tx: AsyncConnection, case_id: UUID, interaction_id: UUID) -> CaseInteraction | None:
    """An interaction of a case, also a deleted or automatic one; None if the case has no such interaction."""
    table = INTERACTION
    query = select(table).where(table.c.case_id == case_id, table.c.interaction_id == interaction_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _interaction_of(row)


async def newest_of_person(tx: AsyncConnection, case_id: UUID) -> CaseInteraction | None:
    """The newest interaction of a case that a person wrote and did not delete."""
    table = INTERACTION
    is_of_person = table.c.interaction["automation"].astext == Automation.NONE
    query = (
        select(table)
        .where(table.c.case_id == case_id, is_of_person, table.c.deleted_at.is_(None))
        .order_by(table.c.accepted_at.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _interaction_of(row)


async def newest_of_people(tx: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, Interaction]:
    """The newest interaction of each case that a person wrote and did not delete, by case."""
    if not case_ids:
        return {}
    rows = await fetch(tx, NEWEST_OF_PEOPLE, {"ids": list(case_ids)})
    return {row.case_id: Interaction.model_validate(row.interaction) for row in rows}


async def unanswered(
    tx: AsyncConnection, since: Mapping[UUID, datetime]
) -> dict[UUID, list[tuple[Interaction, Reading]]]:
    """The unanswered interactions of each case that people wrote since its time and did not delete, oldest first.

    The newest 50 of a case, with the newest 100,000 characters of their text, and without quotations, signatures and HTML.
    """
    by_case: dict[UUID, list[tuple[Interaction, Reading]]] = {case_id: [] for case_id in since}
    if since:
        for row in await fetch(tx, UNANSWERED, {"ids": list(since), "since": list(since.values())}):
            one = Interaction.model_validate(row.interaction), Reading.model_validate(row.reading)
            by_case[row.case_id].append(one)
    return by_case


async def words_on_cases(
    tx: AsyncConnection, deleted: Mapping[UUID, Sequence[UUID]]
) -> dict[UUID, dict[UUID, WordsOnCase]]:
    """What people said on these cases, as far as the deletion of these interactions must know it, by case and interaction.

    The interactions themselves; and of the unanswered and of the answered ones as many of the oldest that one of each is left.
    """
    by_case: dict[UUID, dict[UUID, WordsOnCase]] = {case_id: {} for case_id in deleted}
    if deleted:
        given = {
            "ids": list(deleted),
            "most": [len(ids) + 1 for ids in deleted.values()],
            "deleted": [one for ids in deleted.values() for one in ids],
        }
        for row in await fetch(tx, WORDS_ON_CASES, given):
            by_case[row.case_id][row.interaction_id] = WordsOnCase(row.accepted_at, row.is_answered)
    return by_case


async def mark_answered(tx: AsyncConnection, case_id: UUID, since: datetime, by: UUID) -> None:
    """Marks the unanswered interactions of a case since a time as answered by a reply, or by `WITHOUT_REPLY`."""
    await fetch(tx, _MARK_ANSWERED, {"case_id": case_id, "since": since, "by": by})


async def mark_unanswered(tx: AsyncConnection, failed: Sequence[FailedReply]) -> None:
    """Marks the interactions that these replies had answered as unanswered."""
    if failed:
        given = {
            "replies": [reply.reply_id for reply in failed],
            "ids": [reply.case_id for reply in failed],
            "since": [reply.awaited_since for reply in failed],
        }
        await fetch(tx, _MARK_UNANSWERED, given)


def _interaction_of(row: AnyRow) -> CaseInteraction:
    return CaseInteraction(
        interaction_id=row.interaction_id,
        case_id=row.case_id,
        interaction=Interaction.model_validate(row.interaction),
        reading=Reading.model_validate(row.reading),
        threaded_by=ThreadedBy(row.threaded_by),
        conflicts=_CONFLICTS.validate_python(row.conflicts),
        occurred_at=row.occurred_at,
        accepted_at=row.accepted_at,
        earlier=_EARLIER.validate_python(row.earlier),
        deleted_at=row.deleted_at,
    )
