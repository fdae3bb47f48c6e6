"""Publications: how a draft becomes active when it does not at once, for all cases and for good.

waiting (for a second person) → planned (for its time) → limited (to a share of the cases) → published → ended, each step
only where it was asked for. One that is not active yet can be withdrawn; one that can't become active when its time
has come has failed, and says why. All replicas switch together: each decision reads in its own transaction what is in
active, so what is decided after the commit of a step is decided by it.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.configuration import ConfigurationEnded, ConfigurationPlanned
from antiphon.contracts.envelope import encode
from antiphon.http.changes import Change, record
from antiphon.http.problems import Problem, not_found
from antiphon.kafka import outbox
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from antiphon.process import logs
from antiphon.service_names import ROUTING
from routing import store
from routing.configuration import drafts
from routing.configuration.active import ActiveVersion, Configurations, tell_published
from routing.domain.configuration.difference import differences
from routing.domain.configuration.document import read
from routing.domain.states import DraftState, PublicationState
from routing.domain.timer import TimerKind

LOG = logs.get(__name__)
_ITSELF = "routing"


class Plan(NamedTuple):
    """When it begins (None: at once), for what percent of the cases, when for all, and when it ends by itself."""

    begins_at: datetime | None
    rollout: int
    widens_at: datetime | None
    ends_at: datetime | None


AT_ONCE = Plan(None, 100, None, None)


async def ask(
    tx: AsyncConnection, active: ActiveVersion, draft_id: UUID, revision: int, plan: Plan, why: str, trial_id: UUID | None,
    by: str, now: datetime,
) -> AnyRow:  # fmt: skip
    """A publication of a draft, begun if nothing is to be waited for. Raises Problem and ConfigurationError as `drafts.publish`."""
    row = await drafts.freeze(tx, draft_id, revision, trial_id, by, now, state=DraftState.PLANNED)
    _require_only_rules(active, row.source, plan)
    needs = active.configuration.publishing.needs_approval
    later = plan.begins_at is not None and plan.begins_at > now
    values: dict[str, object] = {
        "publication_id": uuid4(),
        "draft_id": draft_id,
        "source": row.source,
        "base_version": row.base_version,
        "why": why,
        "trial_id": trial_id,
        "authors": row.authors,
        "state": PublicationState.WAITING if needs else PublicationState.PLANNED,
        "asked_at": now,
        "asked_by": by,
        "needs_approval": needs,
        **plan._asdict(),
    }
    made = (
        await tx.execute(
            insert(store.publications.PUBLICATION).values(values).returning(store.publications.PUBLICATION)
        )
    ).one()
    if needs or later:
        event = ConfigurationPlanned(
            publication_id=made.publication_id, draft_id=draft_id, needs_approval=needs, begins_at=plan.begins_at,
            rollout=plan.rollout, ends_at=plan.ends_at, by=by, why=why, at=now,
        )  # fmt: skip
        await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])
    return await _go_on(tx, made, now)


def _require_only_rules(active: ActiveVersion, source: str, plan: Plan) -> None:
    """A share of the cases can have rules of its own; queues and agents are there for all."""
    draft = read(source, "draft")
    if plan.rollout < 100:
        rest = differences(active.configuration.model_copy(update={"rules": draft.rules}), draft)
        if rest:
            told = "Only rules can be active for a share of the cases: publish the rest for all first."
            raise Problem(409, "Conflict", told, differences=rest)


async def _go_on(tx: AsyncConnection, row: AnyRow, now: datetime) -> AnyRow:
    """The next step of one that waits for nobody: it begins, or its time is awaited."""
    if row.state != PublicationState.PLANNED:
        return await _changed(tx, row)
    if row.begins_at is not None and row.begins_at > now:
        await _time(tx, TimerKind.PUBLICATION_BEGINS, row, row.begins_at)
        return await _changed(tx, row)
    return await _begin(tx, row, now)


async def _begin(tx: AsyncConnection, row: AnyRow, now: datetime) -> AnyRow:
    await drafts.require_whole(tx)
    latest = await store.configurations.latest_configuration(tx)
    if latest is None or latest.version != row.base_version:
        told = f"It was made from version {row.base_version}, which is active no more."
        raise Problem(409, "Conflict", told, base_version=row.base_version)
    version, _ = await Configurations.load(
        tx, row.source, "draft", row.asked_by, now, why=row.why, draft_id=row.draft_id, trial_id=row.trial_id,
        rollout=row.rollout if row.rollout < 100 else None,
    )  # fmt: skip
    await tx.execute(
        update(store.drafts.DRAFT)
        .where(store.drafts.DRAFT.c.draft_id == row.draft_id)
        .values(state=DraftState.PUBLISHED, version=version)
    )
    if row.rollout < 100 and row.widens_at is not None:
        await _time(tx, TimerKind.PUBLICATION_WIDENS, row, row.widens_at)
    if row.ends_at is not None:
        await _time(tx, TimerKind.PUBLICATION_ENDS, row, row.ends_at)
    return await _changed(
        tx,
        row,
        state=PublicationState.LIMITED if row.rollout < 100 else PublicationState.PUBLISHED,
        version=version,
    )


async def approve(
    tx: AsyncConnection, publication_id: UUID, why: str | None, by: str, now: datetime
) -> AnyRow:
    """A second person approves. Raises Problem: 404, 403 to who wrote or asked for it, 409 when none is waited for."""
    row = await locked(tx, publication_id)
    if row.state != PublicationState.WAITING:
        raise Problem(409, "Conflict", f"No approval is waited for: it is {row.state}.", state=row.state)
    if by in row.authors:
        raise Problem(403, "Not allowed", "Who wrote a draft or asked for its publication can't approve it.")
    row = await _changed(
        tx, row, state=PublicationState.PLANNED, approved_at=now, approved_by=by, approved_why=why
    )
    return await _go_on(tx, row, now)


async def widen(
    tx: AsyncConnection, publication_id: UUID, rollout: int, why: str, by: str, now: datetime
) -> AnyRow:
    """More of the cases, or all (100). Raises Problem: 404, 409 when it is not limited, or not to less."""
    row = await locked(tx, publication_id)
    if row.state != PublicationState.LIMITED:
        raise Problem(409, "Conflict", f"It is not limited to a rollout: it is {row.state}.", state=row.state)
    if rollout <= row.rollout:
        raise Problem(409, "Conflict", f"It decides about {row.rollout} % already: end it to take it back.")
    whole = rollout == 100
    table = store.configurations.CONFIGURATION
    changed = await tx.execute(
        update(table)
        .where(table.c.version == row.version)
        .values(rollout=None if whole else rollout)
        .returning(table)
    )
    told = changed.one()
    await tell_published(tx, told.version, by, now, why=why, rollout=told.rollout, draft_id=told.draft_id)
    if whole:
        await store.work_items.wake(tx)
    return await _changed(
        tx, row, rollout=rollout, state=PublicationState.PUBLISHED if whole else PublicationState.LIMITED
    )


async def end(tx: AsyncConnection, publication_id: UUID, why: str, by: str, now: datetime) -> AnyRow:
    """Takes back what is not active yet, or ends what is: the version before is active again.

    Raises Problem: 404, 409 when it is over, or another version is active since; ConfigurationError when what was
    right before no longer is.
    """
    row = await locked(tx, publication_id)
    over = {"ended_at": now, "ended_by": by, "ended_why": why}
    if row.state in {PublicationState.WAITING, PublicationState.PLANNED}:
        await _again_a_draft(tx, row, by)
        await _tell_ended(tx, row, by, why, now)
        return await _changed(tx, row, state=PublicationState.WITHDRAWN, **over)
    if row.state == PublicationState.LIMITED:
        table = store.configurations.CONFIGURATION
        await tx.execute(update(table).where(table.c.version == row.version).values(over_at=now))
    elif row.state == PublicationState.PUBLISHED:
        if await store.configurations.version(tx) != row.version:
            raise Problem(409, "Conflict", "Another version is active since: there is nothing to end.")
        base = await drafts.version(tx, row.base_version)
        await Configurations.load(
            tx, base.source, f"version {base.version}", by, now, checked=True, why=why, restores=base.version
        )
    else:
        raise Problem(409, "Conflict", f"It is over: {row.state}.", state=row.state)
    await _tell_ended(tx, row, by, why, now)
    return await _changed(tx, row, state=PublicationState.ENDED, **over)


async def fire(tx: AsyncConnection, kind: TimerKind, publication_id: UUID, now: datetime) -> None:
    """What was set for a time happens; what can't happen any more is over, with the reason."""
    row = await locked(tx, publication_id)
    due = {
        TimerKind.PUBLICATION_BEGINS: {PublicationState.PLANNED},
        TimerKind.PUBLICATION_WIDENS: {PublicationState.LIMITED},
        TimerKind.PUBLICATION_ENDS: {PublicationState.LIMITED, PublicationState.PUBLISHED},
    }
    if row.state not in due[kind]:
        return
    try:
        async with tx.begin_nested():
            if kind == TimerKind.PUBLICATION_BEGINS:
                await _begin(tx, row, now)
            elif kind == TimerKind.PUBLICATION_WIDENS:
                await widen(tx, publication_id, 100, "the time for it has come", _ITSELF, now)
            else:
                await end(tx, publication_id, "the time for it is over", _ITSELF, now)
    except (Problem, ConfigurationError) as error:
        told = str(error)
        LOG.warning("a publication failed", publication=str(publication_id), reason=told)
        if row.state == PublicationState.PLANNED:
            await _again_a_draft(tx, row, _ITSELF)
        await _tell_ended(tx, row, _ITSELF, told, now)
        state = PublicationState.FAILED if row.state == PublicationState.PLANNED else PublicationState.ENDED
        await _changed(tx, row, state=state, ended_at=now, ended_by=_ITSELF, ended_why=told)


async def locked(tx: AsyncConnection, publication_id: UUID) -> AnyRow:
    """A publication, while nothing else becomes active. Raises Problem 404."""
    await store.configurations.lock_configuration(tx)
    return await get(tx, publication_id)


async def get(tx: AsyncConnection, publication_id: UUID) -> AnyRow:
    """A publication. Raises Problem 404."""
    table = store.publications.PUBLICATION
    found = (await tx.execute(select(table).where(table.c.publication_id == publication_id))).one_or_none()
    if found is None:
        raise not_found("publication")
    return found


async def _changed(tx: AsyncConnection, row: AnyRow, **values: object) -> AnyRow:
    table = store.publications.PUBLICATION
    if values:
        changed = update(table).where(table.c.publication_id == row.publication_id).values(values)
        row = (await tx.execute(changed.returning(table))).one()
    told = {"draft_id": str(row.draft_id), "state": row.state, "rollout": row.rollout}
    await record(tx, [Change("publication", str(row.publication_id), ["operations"], told)])
    return row


async def _again_a_draft(tx: AsyncConnection, row: AnyRow, by: str) -> None:
    table = store.drafts.DRAFT
    again = update(table).where(table.c.draft_id == row.draft_id, table.c.state == DraftState.PLANNED)
    await tx.execute(again.values(state=DraftState.DRAFT, revision=table.c.revision + 1, changed_by=by))


async def _tell_ended(tx: AsyncConnection, row: AnyRow, by: str, why: str, now: datetime) -> None:
    event = ConfigurationEnded(
        publication_id=row.publication_id, configuration_version=row.version, by=by, why=why, at=now
    )
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])


async def _time(tx: AsyncConnection, kind: TimerKind, row: AnyRow, due: datetime) -> None:
    timer = {"kind": kind, "subject": row.publication_id, "due_at": due}
    await store.base.upsert(tx, store.timers.TIMER, [timer])
