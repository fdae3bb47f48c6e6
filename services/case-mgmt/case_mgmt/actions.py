"""What case-mgmt does with what it hears: a batch is folded into the cases that it touches, then written.

Each function is one verb in the transaction that it is given. The number of statements does not depend on the size
of the batch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import ids
from antiphon.contracts import cases as said
from antiphon.contracts.base import Actor, ActorKind, Event
from antiphon.contracts.cases import InteractionFacts, StatusTrigger
from antiphon.contracts.identified import (
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
    Reading,
)
from antiphon.contracts.interactions import Automation, Interaction
from antiphon.contracts.replies import ReplyFailed, ReplySent
from antiphon.contracts.work import WorkAccepted, WorkEvent, WorkHeld
from antiphon.kafka.consumer import NonRetryableError, Received
from antiphon.postgres.writes import Writes
from case_mgmt import store
from case_mgmt.acknowledgements import Acknowledgements, look, with_words
from case_mgmt.domain import acknowledging
from case_mgmt.domain.case import Case, interaction_facts, joined, opened
from case_mgmt.domain.record import (
    Awaited,
    Edited,
    EntryKind,
    Finished,
    FormerWords,
    Placed,
    ReplyState,
    TakenBack,
    Version,
    kind_of,
)
from case_mgmt.domain.states import Trigger, in_words
from case_mgmt.domain.threading import Known, thread
from case_mgmt.domain.unanswered import bounded, without
from case_mgmt.domain.work import Place, followed
from case_mgmt.unit import Unit

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


async def take(
    tx: AsyncConnection,
    batch: Sequence[Received],
    *,
    number_in: Callable[[str | None], int | None],
    token_of: Callable[[int], str],
    reopen_closed_within: timedelta,
    now: datetime,
) -> None:
    """Folds a batch into its cases. What is on the record already changes nothing.

    `number_in` reads a case token that is ours, `token_of` makes one.

    Raises NonRetryableError for an edit, deletion or reply that belongs to nothing known.
    """
    customers = {r.event.customer.customer_id for r in batch if isinstance(r.event, Identified)}
    customers |= {held.work.customer_id for held in with_words([r.event for r in batch])}
    await store.hold_customers(tx, list(customers))
    fresh = {natural_key(received): received for received in batch}
    threads = [
        r.event.interaction.thread for r in batch if isinstance(r.event, IdentifiedInteractionReceived)
    ]
    refs = {ref for thread in threads for ref in (thread.native_id, *thread.answers)}
    conversations = {thread.conversation for thread in threads if thread.conversation}
    opening = sum(isinstance(r.event, IdentifiedInteractionReceived) for r in fresh.values())
    worked = list({r.event.work.case_id for r in batch if isinstance(r.event, WorkEvent)})
    found = await store.look(tx, list(fresh), list(refs), list(conversations), opening, worked)
    for key in found.recorded:
        del fresh[key]
    if not fresh:
        return
    events = list(fresh.values())
    heard = [r.event for r in events if isinstance(r.event, IdentifiedInteractionReceived)]
    later = [_later(r.event) for r in events if _later(r.event) is not None]
    versions = await store.places(tx, [identity for identity in later if identity])
    numbers = {n for event in heard if (n := number_in(event.interaction.thread.case_token)) is not None}
    named = (*found.by_reference.values(), *found.by_conversation.values())
    wanted = {case_id for cases in named for case_id in cases}
    wanted |= {version.case_id for version in versions.values()}
    wanted |= {r.event.case_id for r in events if isinstance(r.event, ReplySent | ReplyFailed)}
    speakers = list({event.customer.customer_id for event in heard})
    cases, works = await store.load_works(tx, worked)
    cases = await store.load(tx, list(wanted), list(numbers), speakers) | cases
    awaited = await store.awaited(
        tx, [r.event.reply_id for r in events if isinstance(r.event, ReplySent | ReplyFailed)]
    )
    failed = [
        (r.event.reply_id, r.event.case_id, min(filter(None, (reply.since, r.event.failed_at))))
        for r in events
        if isinstance(r.event, ReplyFailed) and (reply := awaited.get(r.event.reply_id)) is not None
    ]
    await store.not_answered(tx, failed)
    by_customer: dict[UUID, list[UUID]] = {}
    for case in cases.values():
        by_customer.setdefault(case.customer_id, []).append(case.case_id)
    by_number = {case.number: case.case_id for case in cases.values()}
    known = Known(cases, by_number, found.by_reference, found.by_conversation, by_customer)
    # Whatever a batch does before, an interaction joins what it points at or what it would have joined at first.
    joined_by = {
        thread(
            event.interaction, event.reading, event.customer.customer_id, known, number_in, now, reopen_closed_within
        ).case_id
        for event in heard
    }  # fmt: skip
    spoken_on = {case_id for cases in named for case_id in cases} | joined_by
    spoken_on |= {version.case_id for version in versions.values()} | {case_id for _, case_id, _ in failed}
    spoken_on |= {by_number[number] for number in numbers if number in by_number}
    fold = _Fold(
        Unit(cases, now, works),
        by_number=by_number,
        by_reference=found.by_reference,
        by_conversation=found.by_conversation,
        by_customer=by_customer,
        number_in=number_in,
        reopen_closed_within=reopen_closed_within,
        new_numbers=found.numbers,
        versions=versions,
        awaited=awaited,
        acknowledgements=await look(tx, with_words([r.event for r in events]), token_of, now),
        said=await store.unanswered(
            tx, _since([case for case in cases.values() if case.case_id in spoken_on], failed)
        ),
    )
    for received in events:
        fold.take(received)
    writes = Writes()
    fold.unit.put_down(writes)
    store.add_interactions(writes, fold.placed)
    store.add_references(writes, fold.references)
    store.add_conversations(writes, fold.conversations)
    store.finish_replies(writes, fold.finished)
    fold.acknowledgements.put_down(writes)
    await writes.send(tx)
    await store.edit_interactions(tx, list(fold.edited.values()))
    await store.delete_interactions(tx, fold.deleted)


def _since(cases: Iterable[Case], failed: Iterable[tuple[UUID, UUID, datetime]]) -> dict[UUID, datetime]:
    """Since when customers await an answer on these cases, once the answers that failed (reply, case, since) answer nothing."""
    since = {case.case_id: case.awaiting_answer_since for case in cases}
    for _, case_id, at in failed:
        if case_id in since:
            since[case_id] = min(at, since[case_id] or at)
    return {case_id: at for case_id, at in since.items() if at is not None}


def _later(event: Event) -> UUID | None:
    match event:
        case IdentifiedInteractionEdited():
            return event.edit.interaction_id
        case IdentifiedInteractionDeleted():
            return event.deletion.interaction_id
        case _:
            return None


@dataclass
class _Fold:
    """One batch on its way into its cases."""

    unit: Unit
    by_number: dict[int, UUID]
    by_reference: dict[str, list[UUID]]
    by_conversation: dict[str, list[UUID]]
    by_customer: dict[UUID, list[UUID]]
    number_in: Callable[[str | None], int | None]
    reopen_closed_within: timedelta
    new_numbers: list[int]
    versions: dict[UUID, Version]
    awaited: dict[UUID, Awaited]
    acknowledgements: Acknowledgements
    said: dict[UUID, list[tuple[Interaction, Reading]]]
    placed: list[Placed] = field(default_factory=list[Placed])
    references: list[tuple[str, UUID]] = field(default_factory=list[tuple[str, UUID]])
    conversations: list[tuple[str, UUID]] = field(default_factory=list[tuple[str, UUID]])
    edited: dict[UUID, Edited] = field(default_factory=dict[UUID, Edited])
    deleted: list[TakenBack] = field(default_factory=list[TakenBack])
    finished: list[Finished] = field(default_factory=list[Finished])

    def take(self, received: Received) -> None:
        """One event."""
        key, trace = natural_key(received), received.envelope.traceparent
        match received.event:
            case IdentifiedInteractionReceived() as event:
                self._hear(event, key, trace)
            case IdentifiedInteractionEdited() as event:
                self._edit(event, key, trace)
            case IdentifiedInteractionDeleted() as event:
                self._delete(event, key, trace)
            case ReplySent() | ReplyFailed() as event:
                self._finish(event, key, trace)
            case WorkEvent() as event:
                self._follow(event, received, key)
            case _:
                raise NonRetryableError(f"{received.event.type} is not for this service")

    def _hear(self, event: IdentifiedInteractionReceived, key: str, trace: str | None) -> None:
        interaction, customer, reading, now = event.interaction, event.customer, event.reading, self.unit.now
        known = Known(
            self.unit.cases, self.by_number, self.by_reference, self.by_conversation, self.by_customer
        )
        found = thread(
            interaction, reading, customer.customer_id, known, self.number_in, now, self.reopen_closed_within
        )
        facts = interaction_facts(interaction, reading)
        before = self.unit.cases[found.case_id] if found.case_id else None
        if before is None:
            case_id = ids.derived_id("case", str(interaction.interaction_id))
            number = self.new_numbers.pop(0)
            case = opened(case_id, number, interaction, customer, reading, found.related, now)
            self.by_number[number] = case_id
            self.by_customer.setdefault(customer.customer_id, []).append(case_id)
            self.unit.put(case, new=True)
            self.unit.tell(said.CaseOpened(case=case.facts(), interaction=facts), trace)
        else:
            case = joined(before, interaction, customer, reading, now)
            added = said.CaseInteractionAdded(
                case=case.facts(), interaction=facts, threaded_by=found.by, unanswered=self._unanswered(case)
            )
            self.unit.tell(added, trace)
        if interaction.automation == Automation.NONE:
            self.said.setdefault(case.case_id, []).append((interaction, reading))
        if before is not None:
            by = Actor(kind=ActorKind.CUSTOMER, id=str(customer.customer_id), name=customer.name)
            self.unit.move(
                before, case, by, StatusTrigger.CUSTOMER_SPOKE, in_words(Trigger.CUSTOMER_SPOKE), trace,
                self._unanswered(case) if case.status != before.status else (),
            )  # fmt: skip
        speaker = Actor(kind=ActorKind.CUSTOMER, id=str(customer.customer_id), name=interaction.speaker.name)
        told = {"interaction_id": str(interaction.interaction_id), "threaded_by": found.by.value}
        if found.related:
            told["related_case_id"] = str(found.related)
        self.unit.record(case.case_id, key, EntryKind.INTERACTION, interaction.occurred_at, speaker, told)
        self.placed.append(
            Placed(
                interaction_id=interaction.interaction_id,
                case_id=case.case_id,
                interaction=interaction,
                reading=reading,
                threaded_by=found.by,
                conflicts=event.conflicts,
                occurred_at=interaction.occurred_at,
                accepted_at=interaction.accepted_at,
            )
        )
        self.versions[interaction.interaction_id] = Version(case.case_id, interaction, reading)
        native_id, conversation = interaction.thread.native_id, interaction.thread.conversation
        self.references.append((native_id, case.case_id))
        self.by_reference.setdefault(native_id, []).insert(0, case.case_id)
        if conversation:
            self.conversations.append((conversation, case.case_id))
            self.by_conversation.setdefault(conversation, []).append(case.case_id)

    def _unanswered(self, case: Case) -> list[InteractionFacts]:
        """What the customer said on the case and nobody has answered."""
        since = case.awaiting_answer_since
        if since is None:
            return []
        return bounded(one for one in self.said.get(case.case_id, ()) if one[0].accepted_at >= since)

    def _version(self, interaction_id: UUID, what: str) -> tuple[Case, Version]:
        version = self.versions.get(interaction_id)
        if version is None:
            raise NonRetryableError(f"{what} of interaction {interaction_id}, which is on no case")
        return self.unit.cases[version.case_id], version

    def _edit(self, event: IdentifiedInteractionEdited, key: str, trace: str | None) -> None:
        edit = event.edit
        case, before = self._version(edit.interaction_id, "edit")
        interaction, reading, last = before.interaction, before.reading, before.edited_at
        former = self.edited.get(edit.interaction_id)
        earlier = former.earlier if former else ()
        if last is not None and edit.accepted_at < last:
            # It comes late, as a dead letter that was replayed: these words were said, and are not the newest.
            earlier = [FormerWords(edit.content, last), *earlier]
        else:
            earlier = [*earlier, FormerWords(interaction.content, edit.accepted_at)]
            defects = list(dict.fromkeys([*interaction.defects, *edit.defects]))
            changed = {"content": edit.content, "defects": defects}
            interaction, reading, last = (
                interaction.model_copy(update=changed),
                event.reading,
                edit.accepted_at,
            )
        self.versions[edit.interaction_id] = Version(case.case_id, interaction, reading, last)
        self.edited[edit.interaction_id] = Edited(edit.interaction_id, interaction, reading, earlier)
        words = self.said.get(case.case_id, [])
        for place, (one, _) in enumerate(words):
            if one.interaction_id == interaction.interaction_id:
                words[place] = (interaction, reading)
        after = case.changed(self.unit.now, words_revision=case.revision + 1)
        since = after.awaiting_answer_since
        if since and interaction.accepted_at >= since and interaction.automation == Automation.NONE:
            after = replace(after, asked_revision=after.revision)
        self.unit.put(after)
        edited = said.CaseInteractionEdited(
            case=after.facts(), interaction=interaction_facts(interaction, reading),
            unanswered=without(self._unanswered(after), interaction),
        )  # fmt: skip
        self.unit.tell(edited, trace)
        who = Actor(kind=ActorKind.CUSTOMER, id=str(event.customer.customer_id), name=event.customer.name)
        told = {"interaction_id": str(edit.interaction_id), "revision": edit.revision}
        self.unit.record(case.case_id, key, EntryKind.INTERACTION_EDITED, edit.occurred_at, who, told)

    def _delete(self, event: IdentifiedInteractionDeleted, key: str, trace: str | None) -> None:
        gone = event.deletion
        case, _ = self._version(gone.interaction_id, "deletion")
        self.deleted.append(TakenBack(gone.interaction_id, gone.accepted_at))
        self.said[case.case_id] = [
            one for one in self.said.get(case.case_id, ()) if one[0].interaction_id != gone.interaction_id
        ]
        after = case.changed(self.unit.now, words_revision=case.revision + 1)
        self.unit.put(after)
        self.unit.tell(
            said.CaseInteractionDeleted(case=after.facts(), interaction_id=gone.interaction_id), trace
        )
        who = Actor(kind=ActorKind.CUSTOMER, id=str(event.customer.customer_id), name=event.customer.name)
        told = {"interaction_id": str(gone.interaction_id)}
        self.unit.record(case.case_id, key, EntryKind.INTERACTION_DELETED, gone.occurred_at, who, told)

    def _finish(self, event: ReplySent | ReplyFailed, key: str, trace: str | None) -> None:
        case, reply = self.unit.cases.get(event.case_id), self.awaited.get(event.reply_id)
        if case is None or reply is None:
            raise NonRetryableError(f"{event.type} of reply {event.reply_id}, which nobody asked for")
        actor = Actor(kind=ActorKind.SYSTEM, id=f"ingest:{event.channel}")
        if isinstance(event, ReplySent):
            self._sent(event, case, reply, actor, key)
        else:
            self._failed(event, case, reply, actor, key, trace)

    def _sent(self, event: ReplySent, case: Case, reply: Awaited, actor: Actor, key: str) -> None:
        automatic = reply.is_automatic
        self.unit.put(case.changed(self.unit.now, replies=case.replies + (not automatic)))
        kind = EntryKind.ACKNOWLEDGEMENT_SENT if automatic else EntryKind.REPLY_SENT
        told = {"reply_id": str(event.reply_id), "link": event.link}
        self.unit.record(case.case_id, key, kind, event.sent_at, actor, told)
        self.references += [(native, case.case_id) for native in event.native_ids]
        self.finished.append(Finished(event.reply_id, ReplyState.SENT, event.sent_at, event.native_ids, None))

    def _failed(
        self, event: ReplyFailed, case: Case, reply: Awaited, actor: Actor, key: str, trace: str | None
    ) -> None:
        if reply.is_automatic:
            self.unit.put(case.changed(self.unit.now))
        else:
            waits = (case.awaiting_answer_since, reply.since or event.failed_at)
            after = case.moved(
                Trigger.REPLY_FAILED,
                self.unit.now,
                awaiting_answer_since=min(at for at in waits if at is not None),
                words_revision=case.revision + 1,
                asked_revision=case.revision + 1,
            )
            self.unit.move(
                case, after, actor, StatusTrigger.REPLY_FAILED, in_words(Trigger.REPLY_FAILED), trace,
                self._unanswered(after),
            )  # fmt: skip
        kind = EntryKind.ACKNOWLEDGEMENT_FAILED if reply.is_automatic else EntryKind.REPLY_FAILED
        told = {"reply_id": str(event.reply_id), "reason": event.reason, "outcome": event.outcome}
        self.unit.record(case.case_id, key, kind, event.failed_at, actor, told)
        self.finished.append(Finished(event.reply_id, ReplyState.FAILED, event.failed_at, [], event.reason))

    def _follow(self, event: WorkEvent, received: Received, key: str) -> None:
        """Routing's work on a case: the case keeps a copy, and is changed itself only when somebody takes it up.

        What is older than the copy, as a dead letter that was replayed, is put on the record and changes nothing.
        """
        work, trace = event.work, received.envelope.traceparent
        case = self.unit.cases.get(work.case_id)
        if case is None:
            raise NonRetryableError(f"{event.type} of case {work.case_id}, which is not here")
        place = Place(received.envelope.time or self.unit.now, received.partition, received.offset)
        before = self.unit.works.get(case.case_id)
        is_current = before is None or not place.is_before(before.place)
        if is_current:
            self.unit.follow(followed(before, event, place))
        by = Actor(kind=ActorKind.SYSTEM, id="routing")
        if isinstance(event, WorkAccepted):
            by = Actor(kind=ActorKind.AGENT, id=event.offer.agent_id, name=event.offer.agent_name)
            after = case.moved(Trigger.WORK_ACCEPTED, self.unit.now)
            if is_current and after.status != case.status:
                self.unit.move(
                    case, after, by, StatusTrigger.WORK_ACCEPTED, in_words(Trigger.WORK_ACCEPTED), trace
                )
        told = event.model_dump(mode="json", exclude={"work"}) | {
            "queue": work.queue,
            "due_at": _text(work.due_at),
        }
        held = event if is_current and isinstance(event, WorkHeld) and event.acknowledge else None
        why_not = held and self.acknowledgements.why_not(held, case, self.unit.now)
        if why_not:
            told |= {"not_acknowledged": acknowledging.in_words(why_not), "not_acknowledged_code": why_not}
        self.unit.record(case.case_id, key, kind_of(event), place.as_of, by, told)
        if held and not why_not:
            self.acknowledgements.say(held, self.unit.cases[case.case_id], self.unit, key, trace)


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
