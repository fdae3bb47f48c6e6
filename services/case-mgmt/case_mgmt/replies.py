"""Answering a case: who may, what is checked, and what is written before anything is sent."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Identity
from antiphon.contracts.cases import StatusTrigger
from antiphon.contracts.interactions import Automation, Identifier, Interaction
from antiphon.http.app import Body, Words
from antiphon.http.problems import MEDIA_TYPE, Problem, not_found
from antiphon.postgres.query import AnyRow
from antiphon.process import tracing
from case_mgmt import store
from case_mgmt.domain import tokens
from case_mgmt.domain.case import Case
from case_mgmt.domain.recipients import Refusal, recipient_of, refusal
from case_mgmt.domain.record import EntryKind
from case_mgmt.domain.reply import asked, kept
from case_mgmt.domain.states import SETTERS, Trigger, in_words
from case_mgmt.unit import Unit

CONFLICT: dict[str, object] = {
    "description": "Conflict: the key was used for another reply, or the interaction can't be answered. "
    f"`{Refusal.NOT_CONFIRMED}`: the recipient is to be repeated in `confirm_recipient`. "
    f"`{Refusal.NO_RECIPIENT}`: there is none.",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "allOf": [{"$ref": "#/components/schemas/ProblemDetails"}],
                "properties": {
                    "recipient": {
                        "anyOf": [{"$ref": "#/components/schemas/Identifier"}, {"type": "null"}],
                        "description": "To whom the answer would go; only with the types that concern it.",
                    }
                },
            }
        }
    },
}

# What an answer must have seen, beside what a person decided.
_UNSEEN = (
    EntryKind.INTERACTION,
    EntryKind.REPLY_REQUESTED,
    EntryKind.REPLY_FAILED,
    EntryKind.INTERACTION_EDITED,
    EntryKind.INTERACTION_DELETED,
)


class NewReply(Body):
    """An answer to the customer, through the channel of the interaction that it answers."""

    text: Annotated[Words, StringConstraints(min_length=1, max_length=50_000, strip_whitespace=True)]
    answers: UUID | None = Field(
        default=None, description="An interaction of this case; the newest of a person by default."
    )
    status: Literal["pending", "open", "resolved"] = Field(
        default="pending", description="Of the case, once it is answered."
    )
    confirm_recipient: Annotated[Words, StringConstraints(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="Needed when the recipient is not an address of the case's customer: `recipient.value`, exactly as the "
        "interaction and the 409 show it.",
    )


async def request_reply(
    tx: AsyncConnection,
    case_id: UUID,
    given: NewReply,
    *,
    key: str,
    seen: int | None,
    who: Identity,
    secret: str,
    now: datetime,
) -> tuple[AnyRow, bool]:
    """Writes the answer, the request to send it, the entry and the status, together.

    Returns the reply and whether it is a repeat.

    Raises Problem: 404 no such case or interaction, 409 the key was used for another reply, the interaction can't be
    answered or its recipient is to be confirmed, 428 without the revision that was seen, 412 when the case has changed since.
    """
    digest = hashlib.sha256(f"{case_id}{given.model_dump_json()}".encode()).hexdigest()
    cases = await store.load(tx, [case_id])
    if case_id not in cases:
        raise not_found("case")
    earlier = await _under(tx, who.subject, key)
    if earlier is not None:
        if earlier.body_sha256 != digest:
            raise _key_taken()
        return earlier, True
    case = cases[case_id]
    await _require_seen(tx, case, seen)
    interaction = await _answered(tx, case_id, given.answers)
    recipient = _recipient(interaction, case, given.confirm_recipient)
    reply_id = uuid4()
    requested = asked(
        case,
        interaction,
        recipient,
        reply_id=reply_id,
        text=given.text,
        author=who.actor(),
        case_token=tokens.make(case.number, secret),
        now=now,
        case_revision=case.revision + 1,
    )
    if not await store.add_reply(
        tx, kept(requested, case, key=key, digest=digest)
    ):  # at this moment, on another case
        raise _key_taken()
    if case.awaiting_answer_since is not None:
        await store.answer(tx, case_id, case.awaiting_answer_since, reply_id)
    unit = Unit(cases, now)
    trace = tracing.current()
    unit.tell(requested, trace)
    told = {
        "reply_id": str(reply_id),
        "answers": str(interaction.interaction_id),
        "recipient": recipient.model_dump() if recipient else None,
        "recipient_confirmed": given.confirm_recipient is not None,
    }
    unit.record(case_id, f"reply:{reply_id}", EntryKind.REPLY_REQUESTED, now, who.actor(), told)
    trigger = Trigger.REPLY_REQUESTED if given.status == "pending" else SETTERS[given.status]
    after = case.moved(trigger, now, awaiting_answer_since=None, words_revision=case.revision + 1)
    reason = in_words(Trigger.REPLY_REQUESTED)
    unit.move(case, after, who.actor(), StatusTrigger.REPLY_REQUESTED, reason, trace)
    await unit.write(tx)
    added = await _under(tx, who.subject, key)
    if added is None:
        raise LookupError(f"reply {reply_id} is not where it was put")
    return added, False


def _recipient(interaction: Interaction, case: Case, confirmed: str | None) -> Identifier | None:
    """To whom the answer goes. Raises Problem 409 when there is nobody, or when a person has to confirm it first."""
    recipient = recipient_of(interaction)
    match refusal(interaction, case.customer, confirmed):
        case Refusal.NO_RECIPIENT as why:
            raise Problem(
                409,
                "No recipient",
                "There is no address to which an answer could go.",
                type_=why,
                recipient=None,
            )
        case Refusal.NOT_CONFIRMED as why:
            detail = (
                f"The answer would go to {recipient.value}, which is not an address of this customer: repeat it in confirm_recipient."
                if recipient and confirmed is None
                else f"The answer goes to {recipient.value if recipient else 'no address'}, not to what confirm_recipient names."
            )
            shown = recipient.model_dump() if recipient else None
            raise Problem(409, "Recipient not confirmed", detail, type_=why, recipient=shown)
        case None:
            return recipient


def _key_taken() -> Problem:
    return Problem(409, "Conflict", "This idempotency key was used for another reply.")


async def _under(tx: AsyncConnection, author: str, key: str) -> AnyRow | None:
    table = store.REPLY
    found = await tx.execute(select(table).where(table.c.author_id == author, table.c.idempotency_key == key))
    return found.one_or_none()


async def _require_seen(tx: AsyncConnection, case: Case, seen: int | None) -> None:
    """Two people never answer the same thing unknowingly: who answers says which state of the case they saw.

    What routing shows on the case (queue, assignee, due time) is no reason to refuse; words and what a person
    decided are.
    """
    if seen is None:
        raise Problem(428, "Precondition required", "Send If-Match with the ETag of the case that you saw.")
    if case.words_revision <= seen <= case.revision:
        return
    since = await tx.execute(
        text(
            "select kind, actor, data from case_entry where case_id = :case_id and "
            "(kind = any(:kinds) or (kind = :moved and data ->> 'trigger' is distinct from :taken)) "
            # A status that changed with an answer was written together with it: the answer says more.
            "order by recorded_at desc, kind = :moved, id desc limit 1"
        ),
        {
            "case_id": case.case_id,
            "kinds": [kind.value for kind in _UNSEEN],
            "moved": EntryKind.STATUS_CHANGED.value,
            "taken": StatusTrigger.WORK_ACCEPTED.value,
        },
    )
    last = since.one_or_none()
    raise Problem(
        412,
        "Precondition failed",
        f"The case is at revision {case.revision} now; you saw {seen}.",
        revision=case.revision,
        last={"kind": last.kind, "by": last.actor.get("id"), **last.data} if last else None,
    )


async def _answered(tx: AsyncConnection, case_id: UUID, wanted: UUID | None) -> Interaction:
    table = store.INTERACTION
    query = select(table.c.interaction, table.c.deleted_at).where(table.c.case_id == case_id)
    if wanted:
        query = query.where(table.c.interaction_id == wanted)
    else:
        person = table.c.interaction["automation"].astext == Automation.NONE
        query = query.where(person, table.c.deleted_at.is_(None))
    row = (await tx.execute(query.order_by(table.c.accepted_at.desc()).limit(1))).one_or_none()
    if row is None:
        if wanted:
            raise not_found("interaction on this case")
        raise Problem(409, "Conflict", "There is nothing on this case that a person said.")
    if row.deleted_at:
        raise Problem(409, "Conflict", "The customer has taken these words back.")
    interaction = Interaction.model_validate(row.interaction)
    if interaction.automation != Automation.NONE:
        raise Problem(409, "Conflict", f"An automatic message ({interaction.automation}) is never answered.")
    return interaction
