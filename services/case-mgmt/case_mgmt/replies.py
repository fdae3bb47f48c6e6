"""Answering a case: what is checked first, and what is written before anything is sent."""

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.contracts.cases import CaseStatus, StatusTrigger
from antiphon.contracts.interactions import Automation, Identifier, Interaction
from antiphon.delivery.parts import too_many_parts
from antiphon.http.idempotency import key_reused
from antiphon.http.preconditions import Seen
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, not_found
from antiphon.process import tracing
from case_mgmt import store
from case_mgmt.case_unit import CaseUnit
from case_mgmt.domain import replies, tokens
from case_mgmt.domain.cases import Case, answer_requested
from case_mgmt.domain.recipients import Refusal, recipient_of, refusal
from case_mgmt.domain.record import EntryKind
from case_mgmt.domain.replies import Reply, ReplyDraft
from case_mgmt.domain.states import Trigger, in_words
from case_mgmt.domain.work import lacks_work


async def read(connection: AsyncConnection, reply_id: UUID) -> Reply:
    """A reply and what became of it. Raises Problem 404."""
    by_id = await store.replies.by_id(connection, [reply_id])
    if reply_id not in by_id:
        raise not_found("reply")
    return by_id[reply_id]


async def request_reply(
    tx: AsyncConnection,
    case_id: UUID,
    draft: ReplyDraft,
    *,
    key: str,
    seen: Seen,
    who: Identity,
    secret: str,
    now: datetime,
) -> Reply:
    """Writes a reply, the event that requests to send it, its entry and the new status of the case, together.

    `key` is the idempotency key of the author. `seen` is the revision of the case that the author saw. `secret` signs
    the case token.

    Raises Problem: 404 for an unknown case or interaction; 409 if the interaction cannot be answered, or if its recipient
    must be confirmed; 412 if the case has changed since `seen`; 422 if its network would post it in too many parts, and if
    the author has used the key for a reply, however long ago.
    """
    cases = await store.cases.load(tx, [case_id])
    if case_id not in cases:
        raise not_found("case")
    case = cases[case_id]
    await _require_seen(tx, case, seen)
    answers = await _answered(tx, case_id, draft.answers)
    await _require_few_parts(draft.text, answers)
    event = replies.request(
        case,
        answers,
        _recipient(answers, case, draft.confirm_recipient),
        reply_id=uuid4(),
        text=draft.text,
        author=who.actor(),
        case_token=tokens.make(case.number, secret),
        now=now,
        case_revision=case.revision + 1,
    )
    reply = replies.requested_reply(event, case, key=key)
    if not await store.replies.add(tx, reply):
        raise key_reused()
    if case.awaiting_answer_since is not None:
        await store.interactions.mark_answered(tx, case_id, case.awaiting_answer_since, event.reply_id)
    trace = tracing.current()
    unit = CaseUnit(cases, now)
    unit.publish(event, trace)
    data = {
        "reply_id": str(event.reply_id),
        "answers": str(event.answers),
        "recipient": event.recipient.model_dump() if event.recipient else None,
        "recipient_confirmed": draft.confirm_recipient is not None,
    }
    unit.record(case_id, f"reply:{event.reply_id}", EntryKind.REPLY_REQUESTED, now, who.actor(), data)
    lacks = draft.status == CaseStatus.OPEN and await _lacks_work(tx, case)
    after = answer_requested(case, draft.status, now, lacks_work=lacks)
    reason = in_words(Trigger.REPLY_REQUESTED)
    unit.move(case, after, who.actor(), StatusTrigger.REPLY_REQUESTED, reason, trace)
    await unit.write(tx)
    return reply


async def _lacks_work(tx: AsyncConnection, case: Case) -> bool:
    found = await store.cases.read(tx, case.case_id)
    return found is not None and lacks_work(case, found.work)


def _recipient(answers: Interaction, case: Case, confirmed: str | None) -> Identifier | None:
    """To whom the reply goes. Raises Problem 409 when there is no address, or when the author must confirm it first."""
    recipient = recipient_of(answers)
    match refusal(answers, case.customer, confirmed):
        case Refusal.NO_RECIPIENT:
            raise Problem(
                Kind.NO_RECIPIENT,
                "The interaction has no address to which a reply could go. Answer another interaction of the case.",
                recipient=None,
            )
        case Refusal.NOT_CONFIRMED:
            address = recipient.value if recipient else "no address"
            detail = (
                f"The reply would go to {address}, which is not an address of this customer: repeat it in confirm_recipient."
                if confirmed is None
                else f"The reply goes to {address}, which is not the address in confirm_recipient."
            )
            raise Problem(Kind.RECIPIENT_NOT_CONFIRMED, detail, recipient=recipient)
        case None:
            return recipient


async def _require_seen(tx: AsyncConnection, case: Case, seen: Seen) -> None:
    """Two people never answer the same words unknowingly: the author states which revision of the case they saw.

    A change of routing's work (queue, agent, due time) refuses no reply. New words and what a person decided do.
    """
    if seen.matches(case.words_revision, case.revision):
        return
    raise Problem(
        Kind.PRECONDITION_FAILED,
        f"The case is at revision {case.revision}; you saw {seen}. Read the case again.",
        revision=case.revision,
        last=await store.record.newest_to_see(tx, case.case_id),
    )


async def _require_few_parts(text: str, answers: Interaction) -> None:
    """A network posts a long reply in parts, in public. Raises Problem 422, with the parts, when there are too many."""
    limits = answers.reply_limits
    if limits is None or (parts := await asyncio.to_thread(too_many_parts, text, limits)) is None:
        return
    detail = f"would be posted in {len(parts)} parts; at most {limits.parts} are allowed: shorten it"
    raise Problem(
        Kind.TOO_MANY_PARTS,
        f"The reply {detail}.",
        errors=[ErrorPlace(pointer="/text", detail=detail)],
        parts=parts,
    )


async def _answered(tx: AsyncConnection, case_id: UUID, wanted: UUID | None) -> Interaction:
    """The interaction that a reply answers: the one that its author names, or the newest of a person."""
    found = (
        await store.interactions.on_case(tx, case_id, wanted)
        if wanted
        else await store.interactions.newest_of_person(tx, case_id)
    )
    if found is None:
        if wanted:
            raise not_found("interaction on this case")
        raise Problem(
            Kind.NOTHING_TO_ANSWER, "No interaction on this case is of a person: nothing can be answered."
        )
    if found.deleted_at:
        raise Problem(
            Kind.INTERACTION_DELETED,
            "The customer has deleted this interaction. Answer another one of the case.",
        )
    if found.interaction.automation != Automation.NONE:
        raise Problem(
            Kind.WRITTEN_BY_A_PROGRAM,
            f"A program wrote this interaction ({found.interaction.automation}): it is never answered.",
        )
    return found.interaction
