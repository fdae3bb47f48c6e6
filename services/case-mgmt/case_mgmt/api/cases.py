"""Cases: lists of them, one with everything on it, and its status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from antiphon.contracts.base import Actor
from antiphon.contracts.cases import CaseFacts
from antiphon.contracts.identified import CustomerFacts, IdentifierConflict, Reading
from antiphon.contracts.interactions import Content, Identifier, Interaction
from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Export, ExportCursor, Limit, Page
from antiphon.http.preconditions import SendsETag
from antiphon.http.problems import ErrorPlace, invalid, problems
from case_mgmt import cases, store
from case_mgmt.api import examples
from case_mgmt.api.parameters import Api, CaseId, QueueName, Reader, Writer, example
from case_mgmt.api.replies import ReplyView, reply_view
from case_mgmt.cases import WholeCase
from case_mgmt.domain.cases import Case, numbers_beginning
from case_mgmt.domain.interactions import CaseInteraction
from case_mgmt.domain.recipients import belongs_to, recipient_of
from case_mgmt.domain.record import NumberedEntry
from case_mgmt.store.cases import CaseFilter, ListedCase

Status = Literal["new", "open", "pending", "resolved", "closed"]


class CaseView(CaseFacts):
    """A case. Its agent, queue and due time are a copy of routing's work: they change without a new revision."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CASE]})

    changed_at: datetime = Field(description="When the case itself last changed. Lists are in this order.")
    agent_id: str | None = Field(description="The agent who accepted the case's work; null when nobody has.")
    agent_name: str | None = Field(description="The name of that agent.")
    queue: str | None = Field(description="The queue of the case's open work; null without open work.")
    work_state: str | None = Field(
        description="Of the newest work item: `queued`, `offered`, `accepted` or `completed`; null without work."
    )
    due_at: datetime | None = Field(description="When the nearest SLA target is due.")
    breached: list[str] = Field(description="The SLA targets that were missed and are not met yet.")
    first_words: str | None = Field(
        description="The first 140 characters, in one line, of what the customer said last and nobody has answered; null "
        "where nothing awaits an answer, and where it has no text."
    )
    tone: str | None = Field(
        description="How that was said: `positive`, `neutral` or `negative`; null where nothing awaits an answer."
    )
    channel: str | None = Field(
        description="The channel on which that was said; null where nothing awaits an answer."
    )


class ExportedCase(CaseFacts):
    """A case as the export has it: without the copy of routing's work, which changes without the case."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.EXPORTED_CASE]})

    changed_at: datetime = Field(description="When the case last changed.")


class FormerContentView(BaseModel):
    """What an interaction said until it was edited."""

    content: Content = Field(description="The former content.")
    replaced_at: datetime = Field(description="When an edit replaced it.")


class InteractionView(BaseModel):
    """An interaction on a case. The content of a deleted one is not shown."""

    interaction: Interaction = Field(description="What the customer said, in its newest version.")
    reading: Reading = Field(description="What it is about.")
    threaded_by: str = Field(description="How the case of the interaction was found.")
    conflicts: list[IdentifierConflict] = Field(
        description="Identifiers that it states of its speaker and that are another customer's."
    )
    earlier: list[FormerContentView] = Field(description="What it said before it was edited, oldest first.")
    deleted_at: datetime | None = Field(description="When its speaker deleted it; null otherwise.")
    recipient: Identifier | None = Field(
        description="To whom a reply to it goes; null when there is no address."
    )
    recipient_belongs_to_customer: bool = Field(
        description="Whether `recipient` is an address of the case's customer. A reply to any other address needs "
        "`confirm_recipient`."
    )


class EntryView(BaseModel):
    """One thing that happened, as the record has it."""

    id: int = Field(description="Entries of a case are in the order of their ids.")
    kind: str = Field(description="What happened, e.g. `interaction`, `note` or `work.queued`.")
    occurred_at: datetime = Field(description="When it happened, by the clock of its source.")
    recorded_at: datetime = Field(description="When this service recorded it.")
    actor: Actor = Field(description="Who did it.")
    data: Mapping[str, object] = Field(description="Further details. Their fields depend on `kind`.")


class WholeCaseView(BaseModel):
    """A case with everything on it, each list in the order in which things happened."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "case": examples.CASE,
                    "interactions": [examples.INTERACTION],
                    "replies": [examples.REPLY],
                    "entries": [examples.ENTRY],
                }
            ]
        }
    )

    case: CaseView = Field(description="The case.")
    interactions: list[InteractionView] = Field(description="What the customer said.")
    replies: list[ReplyView] = Field(description="Replies and acknowledgements.")
    entries: list[EntryView] = Field(description="The record: everything that happened to the case.")


class NewStatus(Body):
    """The status that a person sets, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"status": "resolved", "reason": "Explained by phone."},
                {"status": "open", "reason": "The promised visit did not take place.", "queue": "rates"},
            ]
        }
    )

    status: Literal["open", "pending", "resolved", "closed"] = Field(description="The new status.")
    reason: Annotated[Words, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)] = Field(
        description="Why the person sets it. It is on the record."
    )
    queue: Annotated[Words, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="Only with `open`: the id of the queue that gets the work of a case that is opened again, or whose work a "
        "person dismissed. Without it the rules decide, by the customer's newest words.",
    )


def case_view(case: ListedCase) -> CaseView:
    """A case as the API shows it."""
    work, newest = case.work, case.newest
    return CaseView(
        **dict(case.case.facts()),
        changed_at=case.case.changed_at,
        agent_id=work.agent_id if work else None,
        agent_name=work.agent_name if work else None,
        queue=work.queue if work else None,
        work_state=work.work_state if work else None,
        due_at=work.due_at if work else None,
        breached=list(work.breached) if work else [],
        first_words=newest.first_words if newest else None,
        tone=newest.tone if newest else None,
        channel=newest.channel if newest else None,
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/cases",
        tags=["cases"],
        responses={**problems(400), **example({"items": [examples.CASE], "next": None})},
    )
    async def list_cases(
        who: Reader,
        cursor: Cursor = None,
        limit: Limit = 50,
        case_id: Annotated[
            list[UUID] | None,
            Query(max_length=100, description="Only these cases; may be given 100 times."),
        ] = None,
        status: Annotated[Status | None, Query(description="Only cases with this status.")] = None,
        department: Annotated[
            Words | None, Query(max_length=200, description="Only cases of this department.")
        ] = None,
        queue: QueueName = None,
        customer_id: Annotated[UUID | None, Query(description="Only cases of this customer.")] = None,
        agent_id: Annotated[
            Words | None,
            Query(max_length=200, description="Only cases whose work this agent has; `me` is the caller."),
        ] = None,
        reference: Annotated[
            str | None,
            Query(
                pattern=r"^C-[0-9]{1,15}$", description="Only the case with this reference, e.g. `C-1042`."
            ),
        ] = None,
        q: Annotated[
            Words | None,
            Query(
                max_length=200,
                description="Only cases whose reference begins so: `C-10`, or `10`. Other words find none.",
            ),
        ] = None,
        *,
        awaiting_answer: Annotated[
            bool, Query(description="Only cases on which the customer awaits an answer.")
        ] = False,
        closed_unseen: Annotated[
            bool,
            Query(
                description="Only resolved and closed cases that no person has seen: nobody accepted their work, answered them, "
                "noted something on them or set their status."
            ),
        ] = False,
    ) -> Page[CaseView]:
        """Lists cases, the newest change first."""
        wanted = CaseFilter(
            case_ids=case_id,
            status=status,
            department=department,
            customer_id=customer_id,
            number=int(reference[2:]) if reference else None,
            numbers=None if q is None else numbers_beginning(q),
            queue=queue,
            agent_id=who.subject if agent_id == "me" else agent_id,
            is_awaiting_answer=awaiting_answer,
            is_closed_unseen=closed_unseen,
        )
        async with at.engine.connect() as connection:
            return await store.cases.page(connection, wanted, cursor, limit, case_view)

    @routes.get("/cases/export", tags=["cases"], responses=problems(400, 410))
    async def export_cases(
        who: Reader, cursor: ExportCursor = None, limit: Limit = 50
    ) -> Export[ExportedCase]:
        """All cases, and later those that changed since: none is missed, however much changes meanwhile.

        A case that changes after it was read comes again. What changes now comes once no older transaction runs.
        """
        del who
        async with at.engine.connect() as connection:
            return await store.cases.export(connection, cursor, limit, _exported)

    @routes.get("/cases/{case_id}", tags=["cases"], responses=problems(404))
    async def get_case(case_id: CaseId, who: Reader, tag: SendsETag) -> WholeCaseView:
        """Returns a case with everything on it.

        The author of a reply sends the ETag back as `If-Match`. A change of routing's work does not change it.
        """
        del who
        async with at.engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            whole = await cases.read_whole(connection, case_id)
        tag.of(whole.case.case.revision)
        return _whole_view(whole)

    @routes.post(
        "/cases/{case_id}/status",
        tags=["cases"],
        responses=problems(400, 404, 409),
    )
    async def set_status(case_id: CaseId, new: NewStatus, who: Writer, tx: OnceTx) -> CaseView:
        """Sets the status of a case, with a reason. If the case has this status, and its work too, nothing changes.

        A case that is opened again, or whose work a person dismissed, gets work: in the queue that the request names, or where the rules put it.
        """
        if new.queue is not None and new.status != "open":
            detail = "only with the status open: a case that is not opened gets no work"
            raise invalid(ErrorPlace(pointer="/queue", detail=detail))
        return case_view(
            await cases.set_status(tx, case_id, new.status, new.reason, who, at.clock(), queue=new.queue)
        )

    _ = (list_cases, export_cases, get_case, set_status)


def _exported(case: Case) -> ExportedCase:
    return ExportedCase(**dict(case.facts()), changed_at=case.changed_at)


def _whole_view(whole: WholeCase) -> WholeCaseView:
    customer = whole.case.case.customer
    return WholeCaseView(
        case=case_view(whole.case),
        interactions=[_interaction_view(one, customer) for one in whole.interactions],
        replies=[reply_view(reply) for reply in whole.replies],
        entries=[_entry_view(entry) for entry in whole.entries],
    )


def _interaction_view(one: CaseInteraction, customer: CustomerFacts) -> InteractionView:
    interaction, earlier = one.interaction, one.earlier
    if one.deleted_at:
        hidden = interaction.content.model_copy(
            update={"subject": None, "text": "", "quoted": None, "signature": None, "html": None}
        )
        interaction, earlier = interaction.model_copy(update={"content": hidden, "attachments": []}), ()
    recipient = recipient_of(interaction)
    return InteractionView(
        interaction=interaction,
        reading=one.reading,
        threaded_by=one.threaded_by,
        conflicts=list(one.conflicts),
        earlier=[
            FormerContentView(content=former.content, replaced_at=former.replaced_at) for former in earlier
        ],
        deleted_at=one.deleted_at,
        recipient=recipient,
        recipient_belongs_to_customer=belongs_to(recipient, customer),
    )


def _entry_view(entry: NumberedEntry) -> EntryView:
    return EntryView(
        id=entry.id,
        kind=entry.kind,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        actor=entry.actor,
        data=entry.data,
    )
