"""What a customer's words do: an interaction joins a case or opens one; its speaker edits or deletes it."""

from dataclasses import replace
from uuid import UUID

from antiphon import ids
from antiphon.contracts.base import Actor, ActorKind
from antiphon.contracts.cases import (
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseInteractionEdited,
    CaseOpened,
    StatusTrigger,
)
from antiphon.contracts.identified import (
    CustomerFacts,
    IdentifiedInteractionDeleted,
    IdentifiedInteractionEdited,
    IdentifiedInteractionReceived,
)
from antiphon.contracts.interactions import Automation
from antiphon.kafka.consumer import NonRetryableError
from case_mgmt.domain.cases import (
    Case,
    DeletedWords,
    edited,
    interaction_facts,
    joined,
    opened,
    words_deleted,
)
from case_mgmt.domain.interactions import (
    CaseInteraction,
    CurrentVersion,
    DeletedInteraction,
    EditedInteraction,
    FormerContent,
    WordsOnCase,
)
from case_mgmt.domain.record import EntryKind
from case_mgmt.domain.states import Trigger, in_words
from case_mgmt.domain.threading import Threaded, thread
from case_mgmt.domain.unanswered import without
from case_mgmt.intake.state import BatchState


def receive(state: BatchState, event: IdentifiedInteractionReceived, key: str, trace: str | None) -> None:
    """Adds an interaction to the case to which it belongs, or opens a case with it."""
    threaded = thread(
        event.interaction,
        event.reading,
        event.customer.customer_id,
        state.index.of(state.unit.cases),
        state.rules.read_token,
        state.unit.now,
        state.rules.reopen_closed_within,
    )
    case = (
        _open(state, event, threaded, trace)
        if threaded.case_id is None
        else _join(state, event, threaded, state.unit.cases[threaded.case_id], trace)
    )
    interaction = event.interaction
    speaker = Actor(
        kind=ActorKind.CUSTOMER, id=str(event.customer.customer_id), name=interaction.speaker.name
    )
    data = {"interaction_id": str(interaction.interaction_id), "threaded_by": threaded.by.value}
    if threaded.related:
        data["related_case_id"] = str(threaded.related)
    state.unit.record(case.case_id, key, EntryKind.INTERACTION, interaction.occurred_at, speaker, data)
    _add(state, event, threaded, case)


def _open(
    state: BatchState, event: IdentifiedInteractionReceived, threaded: Threaded, trace: str | None
) -> Case:
    interaction, reading = event.interaction, event.reading
    case_id = ids.derived_id("case", str(interaction.interaction_id))
    case = opened(
        case_id,
        state.new_numbers.pop(0),
        interaction,
        event.customer,
        reading,
        threaded.related,
        state.unit.now,
    )
    state.index.add_case(case)
    state.unit.put(case, new=True)
    state.unit.publish(
        CaseOpened(case=case.facts(), interaction=interaction_facts(interaction, reading)), trace
    )
    _await_answer(state, event, case)
    return case


def _join(
    state: BatchState,
    event: IdentifiedInteractionReceived,
    threaded: Threaded,
    before: Case,
    trace: str | None,
) -> Case:
    interaction, reading = event.interaction, event.reading
    case = joined(before, interaction, event.customer, reading, state.unit.now)
    state.unit.publish(
        CaseInteractionAdded(
            case=case.facts(),
            interaction=interaction_facts(interaction, reading),
            threaded_by=threaded.by,
            unanswered=state.unanswered_on(case),
        ),
        trace,
    )
    _await_answer(state, event, case)
    state.unit.move(
        before,
        case,
        _actor(event.customer),
        StatusTrigger.CUSTOMER_SPOKE,
        in_words(Trigger.CUSTOMER_SPOKE),
        trace,
        state.unanswered_on(case) if case.status != before.status else (),
    )
    return case


def _await_answer(state: BatchState, event: IdentifiedInteractionReceived, case: Case) -> None:
    if event.interaction.automation == Automation.NONE:
        state.unanswered.setdefault(case.case_id, []).append((event.interaction, event.reading))
        spoken = WordsOnCase(event.interaction.accepted_at, is_answered=False)
        state.words_on_cases.setdefault(case.case_id, {})[event.interaction.interaction_id] = spoken


def _add(state: BatchState, event: IdentifiedInteractionReceived, threaded: Threaded, case: Case) -> None:
    """Adds the interaction to what is written, and to what later events of the batch find."""
    interaction, reading = event.interaction, event.reading
    state.interactions.append(
        CaseInteraction(
            interaction_id=interaction.interaction_id,
            case_id=case.case_id,
            interaction=interaction,
            reading=reading,
            threaded_by=threaded.by,
            conflicts=event.conflicts,
            occurred_at=interaction.occurred_at,
            accepted_at=interaction.accepted_at,
        )
    )
    state.versions[interaction.interaction_id] = CurrentVersion(case.case_id, interaction, reading)
    native_id, conversation = interaction.thread.native_id, interaction.thread.conversation
    state.references.append((native_id, case.case_id))
    state.index.by_reference.setdefault(native_id, []).insert(0, case.case_id)
    if conversation:
        state.conversations.append((conversation, case.case_id))
        state.index.by_conversation.setdefault(conversation, []).append(case.case_id)


def edit(state: BatchState, event: IdentifiedInteractionEdited, key: str, trace: str | None) -> None:
    """Gives an interaction its new content. The former content stays stored.

    An edit that is older than the last one, or that comes after the deletion, asks for nothing.

    Raises NonRetryableError for an interaction that is on no case.
    """
    edit = event.edit
    case, before = _current_version(state, edit.interaction_id, "edit")
    version, former = _edited(before, event)
    is_late = version is before
    data = {"interaction_id": str(edit.interaction_id), "revision": edit.revision}
    state.unit.record(
        case.case_id, key, EntryKind.INTERACTION_EDITED, edit.occurred_at, _actor(event.customer), data
    )
    pending = state.edited.get(edit.interaction_id)
    earlier = pending.earlier if pending else ()
    interaction, reading = version.interaction, version.reading
    state.versions[edit.interaction_id] = version
    state.edited[edit.interaction_id] = EditedInteraction(
        edit.interaction_id, interaction, reading, [former, *earlier] if is_late else [*earlier, former]
    )
    unanswered = state.unanswered.get(case.case_id, [])
    for place, (one, _) in enumerate(unanswered):
        if one.interaction_id == interaction.interaction_id:
            unanswered[place] = (interaction, reading)
    if before.is_deleted:
        return
    since = case.awaiting_answer_since
    is_awaited = since is not None and interaction.accepted_at >= since
    asks = is_awaited and not is_late and interaction.automation == Automation.NONE
    after = edited(case, state.unit.now, asks=asks)
    if _is_opened_by(case, edit.interaction_id):
        after = replace(after, subject=interaction.content.subject)
    state.unit.put(after)
    published = CaseInteractionEdited(
        case=after.facts(),
        interaction=interaction_facts(interaction, reading),
        unanswered=without(state.unanswered_on(after), interaction),
    )
    state.unit.publish(published, trace)


def _edited(
    before: CurrentVersion, event: IdentifiedInteractionEdited
) -> tuple[CurrentVersion, FormerContent]:
    """The newest version after an edit, and the content that is not, or no longer, the newest.

    An edit that is older than the last one, e.g. a replayed dead letter, leaves the newest version as it is. So does one of
    words that were deleted meanwhile.
    """
    edit = event.edit
    if before.is_deleted:
        return before, FormerContent(edit.content, edit.accepted_at)
    if before.edited_at is not None and edit.accepted_at < before.edited_at:
        return before, FormerContent(edit.content, before.edited_at)
    defects = list(dict.fromkeys([*before.interaction.defects, *edit.defects]))
    interaction = before.interaction.model_copy(update={"content": edit.content, "defects": defects})
    version = CurrentVersion(before.case_id, interaction, event.reading, edit.accepted_at)
    return version, FormerContent(before.interaction.content, edit.accepted_at)


def delete(state: BatchState, event: IdentifiedInteractionDeleted, key: str, trace: str | None) -> None:
    """Marks an interaction as deleted, so that it awaits no answer. Where nothing else awaits one, the case awaits none.

    Raises NonRetryableError for an interaction that is on no case.
    """
    deletion = event.deletion
    case, version = _current_version(state, deletion.interaction_id, "deletion")
    state.versions[deletion.interaction_id] = replace(version, is_deleted=True)
    state.deleted.append(DeletedInteraction(deletion.interaction_id, deletion.accepted_at))
    state.unanswered[case.case_id] = [
        one
        for one in state.unanswered.get(case.case_id, ())
        if one[0].interaction_id != deletion.interaction_id
    ]
    after = words_deleted(case, _take_out(state, case, deletion.interaction_id), state.unit.now)
    if _is_opened_by(case, deletion.interaction_id):
        after = replace(after, subject=None)
    published = CaseInteractionDeleted(
        case=after.facts(),
        interaction_id=deletion.interaction_id,
        unanswered=state.unanswered_on(after),
    )
    state.unit.publish(published, trace)
    by, trigger = _actor(event.customer), StatusTrigger.WORDS_DELETED
    state.unit.move(case, after, by, trigger, in_words(Trigger.WORDS_DELETED), trace)
    data = {"interaction_id": str(deletion.interaction_id)}
    state.unit.record(
        case.case_id,
        key,
        EntryKind.INTERACTION_DELETED,
        deletion.occurred_at,
        by,
        data,
    )


def _take_out(state: BatchState, case: Case, interaction_id: UUID) -> DeletedWords:
    """Takes words out of what people said on a case; returns them beside what remains."""
    spoken = state.words_on_cases.get(case.case_id, {})
    gone = spoken.pop(interaction_id, None)
    waiting = [one.accepted_at for one in spoken.values() if not one.is_answered]
    return DeletedWords(
        gone.accepted_at if gone is not None and not gone.is_answered else None,
        min(waiting, default=None),
        any(one.is_answered for one in spoken.values()),
    )


def _is_opened_by(case: Case, interaction_id: UUID) -> bool:
    """Whether the interaction opened the case, so that the subject of the case is its subject."""
    return case.case_id == ids.derived_id("case", str(interaction_id))


def _current_version(state: BatchState, interaction_id: UUID, what: str) -> tuple[Case, CurrentVersion]:
    version = state.versions.get(interaction_id)
    if version is None:
        raise NonRetryableError(f"{what} of interaction {interaction_id}, which is on no case")
    return state.unit.cases[version.case_id], version


def _actor(customer: CustomerFacts) -> Actor:
    return Actor(kind=ActorKind.CUSTOMER, id=str(customer.customer_id), name=customer.name)
