"""Applies the events of a batch to the cases that they are about.

The number of statements does not depend on the size of the batch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
)
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.contracts.work import WorkEvent
from antiphon.kafka.consumer import NonRetryableError, Received
from antiphon.postgres.writes import Writes
from case_mgmt import acknowledgements, store
from case_mgmt.case_unit import CaseUnit
from case_mgmt.domain.cases import Case
from case_mgmt.domain.interactions import CurrentVersion
from case_mgmt.domain.replies import FailedReply, Reply
from case_mgmt.domain.threading import thread
from case_mgmt.domain.work import Work
from case_mgmt.intake import interactions, reply_outcomes, work
from case_mgmt.intake.state import BatchIndex, BatchState, ThreadingRules
from case_mgmt.store.threading import BatchFacts

Identified = IdentifiedInteractionReceived | IdentifiedInteractionEdited | IdentifiedInteractionDeleted


def natural_key(received: Received) -> str:
    """What makes an event the same entry of the record when it comes again. It is compared as a whole; nothing reads its parts."""
    event = received.event
    match event:
        case IdentifiedInteractionReceived():
            return f"interaction:{event.interaction.interaction_id}"
        case IdentifiedInteractionEdited():
            return f"edit:{event.edit.interaction_id}:{event.edit.revision}"
        case IdentifiedInteractionDeleted():
            return f"deletion:{event.deletion.interaction_id}"
        case ReplySent() | ReplyFailed():
            return f"{event.type}:{event.reply_id}"
        case _:
            return f"event:{received.envelope.id}"


async def apply(
    tx: AsyncConnection,
    batch: Sequence[Received],
    *,
    read_token: Callable[[str | None], int | None],
    make_token: Callable[[int], str],
    reopen_closed_within: timedelta,
    now: datetime,
) -> None:
    """Applies a batch in the transaction of the caller. An event that is on the record already changes nothing.

    `read_token` returns the case number of a token that this service made, else None; `make_token` makes one. A closed
    case is reopened within `reopen_closed_within` of its last change.

    Raises NonRetryableError for an edit, a deletion, an outcome of a reply or an event of work whose interaction, reply
    or case does not exist here.
    """
    customers = {r.event.customer.customer_id for r in batch if isinstance(r.event, Identified)}
    customers |= {held.work.customer_id for held in acknowledgements.with_text([r.event for r in batch])}
    await store.locks.lock_customers(tx, list(customers))
    fresh = {natural_key(received): received for received in batch}
    facts = await _look_up(tx, batch, fresh)
    for key in facts.recorded:
        del fresh[key]
    if not fresh:
        return
    events = list(fresh.values())
    rules = ThreadingRules(read_token, reopen_closed_within)
    loaded = await _load(tx, events, facts, _worked(batch), rules)
    await store.interactions.mark_unanswered(tx, loaded.failed)
    index = _index_of(loaded.cases, facts)
    awaiting = _awaiting(events, facts, loaded, index, rules, now)
    held = acknowledgements.with_text([r.event for r in events])
    state = BatchState(
        CaseUnit(loaded.cases, now, loaded.works),
        rules,
        index,
        new_numbers=facts.numbers,
        versions=loaded.versions,
        replies=loaded.replies,
        acknowledgements=await acknowledgements.load(tx, held, make_token, now),
        unanswered=await store.interactions.unanswered(tx, _since(awaiting, loaded.failed)),
        words_on_cases=await store.interactions.words_on_cases(tx, _deleted(events, loaded.versions)),
    )
    for received in events:
        _apply_one(state, received)
    writes = Writes()
    state.add_to(writes)
    await writes.send(tx)
    await store.interactions.edit(tx, list(state.edited.values()))
    await store.interactions.delete(tx, state.deleted)


def _apply_one(state: BatchState, received: Received) -> None:
    key, trace = natural_key(received), received.envelope.traceparent
    match received.event:
        case IdentifiedInteractionReceived() as event:
            interactions.receive(state, event, key, trace)
        case IdentifiedInteractionEdited() as event:
            interactions.edit(state, event, key, trace)
        case IdentifiedInteractionDeleted() as event:
            interactions.delete(state, event, key, trace)
        case ReplySent() | ReplyFailed() as event:
            reply_outcomes.finish(state, event, key, trace)
        case WorkEvent() as event:
            work.copy(state, event, received, key)
        case _:
            raise NonRetryableError(f"{received.event.type} is not an event that case-mgmt handles")


def _worked(batch: Iterable[Received]) -> list[UUID]:
    return list({r.event.work.case_id for r in batch if isinstance(r.event, WorkEvent)})


async def _look_up(
    tx: AsyncConnection, batch: Sequence[Received], fresh: Mapping[str, Received]
) -> BatchFacts:
    threads = [
        r.event.interaction.thread for r in batch if isinstance(r.event, IdentifiedInteractionReceived)
    ]
    references = {name for one in threads for name in (one.native_id, *one.answers)}
    conversations = {one.conversation for one in threads if one.conversation}
    may_open = sum(isinstance(r.event, IdentifiedInteractionReceived) for r in fresh.values())
    return await store.threading.look_up(
        tx, list(fresh), list(references), list(conversations), may_open, _worked(batch)
    )


class _Loaded(NamedTuple):
    """What the events of a batch are about, by id; and which of its replies failed."""

    cases: dict[UUID, Case]
    works: dict[UUID, Work]
    versions: dict[UUID, CurrentVersion]
    replies: dict[UUID, Reply]
    failed: list[FailedReply]
    numbers: set[int]


async def _load(
    tx: AsyncConnection,
    events: Sequence[Received],
    facts: BatchFacts,
    worked: Sequence[UUID],
    rules: ThreadingRules,
) -> _Loaded:
    """Reads and locks the cases that the events may change, and reads what they say about interactions and replies."""
    received = _received(events)
    versions = await store.interactions.current_versions(tx, _changed_interactions(events))
    tokens = (rules.read_token(event.interaction.thread.case_token) for event in received)
    numbers = {number for number in tokens if number is not None}
    wanted = _named(facts) | {version.case_id for version in versions.values()}
    wanted |= {r.event.case_id for r in events if isinstance(r.event, ReplySent | ReplyFailed)}
    customers = list({event.customer.customer_id for event in received})
    with_work = await store.cases.load_with_work(tx, worked)
    cases = await store.cases.load(tx, list(wanted), list(numbers), customers)
    cases |= {one.case.case_id: one.case for one in with_work}
    works = {one.case.case_id: one.work for one in with_work if one.work is not None}
    finished = await store.replies.by_id(
        tx, [r.event.reply_id for r in events if isinstance(r.event, ReplySent | ReplyFailed)]
    )
    return _Loaded(cases, works, versions, finished, _failed(events, finished), numbers)


def _failed(events: Iterable[Received], by_id: Mapping[UUID, Reply]) -> list[FailedReply]:
    return [
        FailedReply(
            r.event.reply_id,
            r.event.case_id,
            min(filter(None, (reply.awaited_since, r.event.failed_at))),
        )
        for r in events
        if isinstance(r.event, ReplyFailed) and (reply := by_id.get(r.event.reply_id)) is not None
    ]


def _received(events: Iterable[Received]) -> list[IdentifiedInteractionReceived]:
    return [r.event for r in events if isinstance(r.event, IdentifiedInteractionReceived)]


def _changed_interactions(events: Iterable[Received]) -> list[UUID]:
    """The interactions that the events edit or delete."""
    return [
        r.event.edit.interaction_id
        if isinstance(r.event, IdentifiedInteractionEdited)
        else r.event.deletion.interaction_id
        for r in events
        if isinstance(r.event, IdentifiedInteractionEdited | IdentifiedInteractionDeleted)
    ]


def _deleted(events: Iterable[Received], versions: Mapping[UUID, CurrentVersion]) -> dict[UUID, list[UUID]]:
    """The interactions that the events delete, by the case that they are on."""
    by_case: dict[UUID, list[UUID]] = {}
    for r in events:
        if isinstance(r.event, IdentifiedInteractionDeleted):
            version = versions.get(r.event.deletion.interaction_id)
            if version is not None:
                by_case.setdefault(version.case_id, []).append(r.event.deletion.interaction_id)
    return by_case


def _named(facts: BatchFacts) -> set[UUID]:
    """The cases that the references and conversations of a batch belong to."""
    lists = (*facts.by_reference.values(), *facts.by_conversation.values())
    return {case_id for case_ids in lists for case_id in case_ids}


def _index_of(cases: Mapping[UUID, Case], facts: BatchFacts) -> BatchIndex:
    by_customer: dict[UUID, list[UUID]] = {}
    for case in cases.values():
        by_customer.setdefault(case.customer_id, []).append(case.case_id)
    by_number = {case.number: case.case_id for case in cases.values()}
    return BatchIndex(by_number, facts.by_reference, facts.by_conversation, by_customer)


def _awaiting(
    events: Sequence[Received],
    facts: BatchFacts,
    loaded: _Loaded,
    index: BatchIndex,
    rules: ThreadingRules,
    now: datetime,
) -> list[Case]:
    """The cases whose unanswered interactions the events of the batch may have to carry.

    Whatever the batch does first, an interaction joins a case that it names, or the case that it would join now.
    """
    case_ids = _named(facts) | {version.case_id for version in loaded.versions.values()}
    case_ids |= {reply.case_id for reply in loaded.failed}
    case_ids |= {index.by_number[number] for number in loaded.numbers if number in index.by_number}
    cases = index.of(loaded.cases)
    for event in _received(events):
        threaded = thread(
            event.interaction,
            event.reading,
            event.customer.customer_id,
            cases,
            rules.read_token,
            now,
            rules.reopen_closed_within,
        )
        if threaded.case_id is not None:
            case_ids.add(threaded.case_id)
    return [case for case in loaded.cases.values() if case.case_id in case_ids]


def _since(cases: Iterable[Case], failed: Iterable[FailedReply]) -> dict[UUID, datetime]:
    """Since when each of these cases awaits an answer, if the replies `failed` answered nothing."""
    since = {case.case_id: case.awaiting_answer_since for case in cases}
    for reply in failed:
        if reply.case_id in since:
            since[reply.case_id] = min(reply.awaited_since, since[reply.case_id] or reply.awaited_since)
    return {case_id: at for case_id, at in since.items() if at is not None}
