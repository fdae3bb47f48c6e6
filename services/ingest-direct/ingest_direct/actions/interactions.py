"""Interactions that people and systems bring, and the cases that they are on."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, get_args
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import ids
from antiphon.access.roles import Identity
from antiphon.contracts.cases import CaseEvent, CaseInteractionAdded, CaseOpened
from antiphon.contracts.envelope import Outgoing, encode
from antiphon.contracts.fitting import fitted
from antiphon.contracts.interactions import Attachment, Interaction, InteractionReceived
from antiphon.delivery import entry_counts
from antiphon.http.idempotency import key_reused
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import ErrorPlace, Problem, invalid, not_found
from antiphon.kafka import outbox
from antiphon.postgres.query import AnyRow
from antiphon.postgres.writes import Writes
from antiphon.process import tracing
from antiphon.service_names import INGEST_DIRECT
from ingest_direct import store
from ingest_direct.actions.attachments import require_all
from ingest_direct.actions.permissions import may_see, noted_by
from ingest_direct.domain import interactions
from ingest_direct.domain.interactions import DirectChannel, InvalidFieldError, NewInteraction
from ingest_direct.store.interactions import CaseState, Request

DIRECT_CHANNELS = get_args(DirectChannel)


class Repeat(StrEnum):
    """By what a request repeats an earlier one."""

    KEY = "key"
    EXTERNAL_ID = "external-id"


class Noted(NamedTuple):
    """The interaction of a request, and by what the request repeats an earlier one that noted it; None: by nothing."""

    interaction_id: UUID
    accepted_at: datetime
    repeats: Repeat | None


async def note_interaction(
    tx: AsyncConnection, new: NewInteraction, *, key: str, who: Identity, region: str, now: datetime
) -> Noted:
    """Makes an interaction durable, counts its delivery and publishes it. A repeat gets the first interaction.

    The row of an interaction has the key of its request, the digest of its body and all of its answer, for ever. So it is
    the claim on the key, and each repeat is counted as a delivery.

    Raises Problem: 422 when the key was used for another interaction, and for what can't be used; 409 when the external id
    was used for another interaction.
    """
    identity = interactions.interaction_id(new, who.subject, key)
    request = Request(who.subject, key, interactions.fingerprint(new))
    files = await store.attachments.use(tx, who.subject, new.attachments, identity) if new.attachments else []
    interaction = _built(new, identity, who, files, region, now)
    added = await store.interactions.add(tx, request, interaction)
    row = added or await store.interactions.earlier(tx, request, identity)
    if row is None:
        raise not_found("interaction")
    writes = Writes()
    if added:
        require_all(new.attachments, files)
        outbox.put(writes, [_received(interaction, now)])
    elif row.body_sha256 != request.body_sha256:
        raise _used_for_another(row, request)
    delivery = {
        "interaction_id": row.interaction_id,
        "outcome": entry_counts.Outcome.ACCEPTED if added else entry_counts.Outcome.DUPLICATE,
        "reason": None,
        "via": new.channel,
    }
    entry_counts.put(writes, [delivery])
    await writes.send(tx)
    return Noted(row.interaction_id, row.accepted_at, None if added else _repeated(row, request))


def _repeated(row: AnyRow, request: Request) -> Repeat:
    return Repeat.KEY if row.idempotency_key == request.idempotency_key else Repeat.EXTERNAL_ID


def _used_for_another(row: AnyRow, request: Request) -> Problem:
    if _repeated(row, request) is Repeat.KEY:
        return key_reused()
    return Problem(
        Kind.EXTERNAL_ID_REUSED, "You used this external_id for another interaction: use a new one."
    )


def _built(
    new: NewInteraction,
    identity: UUID,
    who: Identity,
    files: Sequence[Attachment],
    region: str,
    now: datetime,
) -> Interaction:
    try:
        return fitted(
            interactions.build(
                new,
                identity=identity,
                source=who.subject,
                noted_by=noted_by(who),
                attachments=files,
                region=region,
                now=now,
            )
        )
    except InvalidFieldError as error:
        raise invalid(ErrorPlace(pointer=error.pointer, detail=str(error))) from error


def _received(interaction: Interaction, now: datetime) -> Outgoing:
    event = InteractionReceived(interaction=interaction)
    event_id = ids.event_id(event.type, str(interaction.interaction_id))
    return encode(event, source=INGEST_DIRECT, time=now, traceparent=tracing.current(), event_id=event_id)


async def get(connection: AsyncConnection, interaction_id: UUID, who: Identity) -> AnyRow:
    """The interaction. Raises Problem 404, also for one that the caller may not see."""
    row = await store.interactions.get(connection, interaction_id)
    if row is None or not may_see(who, row.source):
        raise not_found("interaction")
    return row


async def set_cases(tx: AsyncConnection, events: Sequence[CaseEvent]) -> None:
    """Records which case each interaction of this service is on, and the state of that case at its newest revision."""
    by_interaction: dict[UUID, CaseState] = {}
    by_case: dict[UUID, CaseState] = {}
    for event in events:
        case = event.case
        state = CaseState(case.case_id, case.reference, case.status, case.revision)
        known = by_case.get(case.case_id)
        if not isinstance(event, CaseOpened) and (known is None or known.case_revision < case.revision):
            by_case[case.case_id] = state
        if (
            isinstance(event, CaseOpened | CaseInteractionAdded)
            and event.interaction.channel in DIRECT_CHANNELS
        ):
            by_interaction[event.interaction.interaction_id] = state
    await store.interactions.set_cases(tx, by_interaction, list(by_case.values()))
