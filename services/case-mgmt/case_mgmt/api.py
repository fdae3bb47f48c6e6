"""The HTTP door of case-mgmt: cases whole and in lists, answers, notes, live changes.

Everybody of the staff sees every case for now; walls between departments are a policy that comes later.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import STAFF, Identity, Role
from antiphon.contracts.base import Actor
from antiphon.contracts.cases import CaseFacts, StatusTrigger
from antiphon.contracts.identified import CustomerFacts, IdentifierConflict, Reading
from antiphon.contracts.interactions import Identifier, Interaction
from antiphon.contracts.replies import ReplyRequested
from antiphon.http.app import Body, Words
from antiphon.http.changes import ChangeFeed, EventStream, Interest
from antiphon.http.pages import KeysetPage, Page
from antiphon.http.permissions import Guarded, require
from antiphon.http.problems import Problem, not_found, problems
from antiphon.postgres.query import AnyRow, mapping
from antiphon.process import tracing
from antiphon.process.clock import Clock
from case_mgmt import store
from case_mgmt.domain.case import Case
from case_mgmt.domain.recipients import belongs_to, recipient_of
from case_mgmt.domain.record import EntryKind, FormerWords, ReplyState
from case_mgmt.domain.states import SETTERS, TRANSITIONS, in_words
from case_mgmt.domain.unanswered import bounded
from case_mgmt.replies import CONFLICT, NewReply, request_reply
from case_mgmt.unit import Unit

Reader = Annotated[Identity, Depends(require(*STAFF))]
Writer = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Key = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
]  # fmt: skip
Match = Annotated[
    str | None, Header(alias="If-Match", max_length=50, description='The ETag that you saw, e.g. `"3"`.')
]
_FORMER = TypeAdapter(list[FormerWords])
Name = Annotated[Words | None, Query(max_length=200)]
Status = Literal["new", "open", "pending", "resolved", "closed"]


class CaseView(CaseFacts):
    """A case in a list; queue, assignee and due time are a copy of routing's, which is no change of the case."""

    changed_at: datetime = Field(
        description="When the case itself was changed last; lists are in this order."
    )
    assignee: str | None
    assignee_name: str | None
    queue: str | None
    work_state: str | None
    due_at: datetime | None
    breached: list[str] = Field(description="The SLA targets that were missed and are not met yet.")


class InteractionView(BaseModel):
    """What was said. Words that were taken back are not shown."""

    interaction: Interaction
    reading: Reading
    threaded_by: str
    conflicts: list[IdentifierConflict] = Field(
        description="Identifiers that it states of its speaker and that are another customer's."
    )
    earlier: list[FormerWords] = Field(description="Former words, when it was edited.")
    deleted_at: datetime | None
    recipient: Identifier | None = Field(
        description="To whom an answer to it goes; null when there is no address."
    )
    recipient_belongs_to_customer: bool = Field(
        description="Whether `recipient` is one of the addresses of the case's customer. If there is one that is not, an answer "
        "needs `confirm_recipient`."
    )


class ReplyView(BaseModel):
    """An answer and what became of it."""

    reply_id: UUID
    case_id: UUID
    answers: UUID
    channel: str
    recipient: Identifier | None = Field(
        description="To whom it goes, and to nobody else; null when whoever brought the interaction in hands it over, or it is older than this field."
    )
    text: str
    author: Actor
    state: ReplyState
    requested_at: datetime
    finished_at: datetime | None
    reason: str | None
    automation: str = Field(description="`none`, or `auto-reply`: set words that nobody wrote for this case.")
    occasion: str | None = Field(description="What set words were said for: the name of the closed queue.")


class Entry(BaseModel):
    """One thing that happened, as it is on the record."""

    id: int
    kind: str
    at: datetime
    recorded_at: datetime
    actor: Actor
    data: Mapping[str, object]


class WholeCase(BaseModel):
    """A case with everything on it, in order."""

    case: CaseView
    interactions: list[InteractionView]
    replies: list[ReplyView]
    entries: list[Entry]


class NewNote(Body):
    """An internal note: never sent, stops no clock."""

    text: Annotated[Words, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)]


class NewStatus(Body):
    """Where the case is to stand, and why."""

    status: Literal["open", "pending", "resolved", "closed"]
    reason: Annotated[Words, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Counts(BaseModel):
    """What this service has on record."""

    interactions: int
    cases: dict[str, int]
    replies: dict[str, int]
    dead_letters: int


def router(engine: AsyncEngine, feed: ChangeFeed, clock: Clock, *, token_secret: str) -> APIRouter:  # noqa: C901, PLR0915
    """The routes."""
    routes = APIRouter(route_class=Guarded)

    @routes.get("/cases", tags=["cases"], responses=problems(400))
    async def list_cases(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, status: Status | None = None,
        department: Name = None, queue: Name = None, customer_id: UUID | None = None,
        assignee: Annotated[Words | None, Query(max_length=200, description="An agent's id, or `me`.")] = None,
        reference: Annotated[str | None, Query(pattern=r"^C-[0-9]{1,15}$")] = None,
        *, awaiting_answer: Annotated[bool, Query(description="Only those that wait for us.")] = False,
    ) -> Page[CaseView]:  # fmt: skip
        """Cases, the newest change first."""
        c, w = store.CASE.c, store.WORK.c
        query = store.SHOWN
        for column, value in (
            (c.status, status), (c.department, department), (c.customer_id, customer_id), (w.queue, queue),
            (w.assignee, who.subject if assignee == "me" else assignee),
            (c.number, int(reference[2:]) if reference else None),
        ):  # fmt: skip
            if value is not None:
                query = query.where(column == value)
        if awaiting_answer:
            query = query.where(c.awaiting_answer_since.is_not(None))
        keyset = KeysetPage(c.changed_at, c.case_id)
        if queue is not None or assignee is not None:
            # The same order, as the indexes of the copies of work have it.
            query, keyset = query.add_columns(w.case_changed_at), KeysetPage(w.case_changed_at, w.case_id)
        async with engine.connect() as connection:
            rows = (await connection.execute(keyset.after(query, cursor, limit))).all()
        return keyset.page(rows, limit, _view)

    @routes.get("/cases/{case_id}", tags=["cases"], responses=problems(404))
    async def get_case(case_id: UUID, who: Reader, response: Response) -> WholeCase:
        """The case whole: what was said, answered and done, in order. The ETag is what a reply must have seen; the copy of the work has no part in it."""
        del who
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            whole = await _whole(connection, case_id)
        response.headers["ETag"] = f'"{whole.case.revision}"'
        return whole

    @routes.post(
        "/cases/{case_id}/replies", status_code=201, tags=["replies"],
        responses={200: {"model": ReplyView, "description": "A repeat: the first answer"}, **problems(400, 404, 412, 428), 409: CONFLICT},
    )  # fmt: skip
    async def reply(
        case_id: UUID, given: NewReply, who: Writer, key: Key, response: Response, if_match: Match = None
    ) -> ReplyView:
        """Answers the customer through the channel on which they spoke. Durable when answered here; then it is sent."""
        async with engine.begin() as tx:
            row, repeated = await request_reply(
                tx,
                case_id,
                given,
                key=key,
                seen=_revision(if_match),
                who=who,
                secret=token_secret,
                now=clock(),
            )
        if repeated:
            response.status_code = 200
            response.headers["Idempotency-Replayed"] = "true"
        return _reply(row)

    @routes.post("/cases/{case_id}/notes", status_code=201, tags=["cases"], responses=problems(400, 404))
    async def note(case_id: UUID, given: NewNote, who: Writer) -> CaseView:
        """Adds an internal note to the record."""
        async with engine.begin() as tx:
            case = await _locked(tx, case_id)
            unit = Unit({case_id: case}, clock())
            unit.put(case.changed(unit.now))
            unit.record(
                case_id, f"note:{uuid4()}", EntryKind.NOTE, unit.now, who.actor(), {"text": given.text}
            )
            await unit.write(tx)
            return await _shown(tx, case_id)

    @routes.post("/cases/{case_id}/status", tags=["cases"], responses=problems(400, 404, 409))
    async def set_status(case_id: UUID, given: NewStatus, who: Writer) -> CaseView:
        """Sets the status, with a reason. The status that it has already: nothing changes."""
        async with engine.begin() as tx:
            case = await _locked(tx, case_id)
            if case.status != given.status:
                trigger = SETTERS[given.status]
                if (case.status, trigger) not in TRANSITIONS:
                    raise Problem(
                        409, "Conflict", f"A case that is {case.status} can't be {in_words(trigger)}."
                    )
                unit = Unit({case_id: case}, clock())
                settled = given.status in {"resolved", "closed"}
                since = None if settled else case.awaiting_answer_since
                if settled and case.awaiting_answer_since is not None:
                    await store.answer(tx, case_id, case.awaiting_answer_since, store.SETTLED)
                changed = {"awaiting_answer_since": since, "words_revision": case.revision + 1}
                if given.status == "open":
                    changed["asked_revision"] = case.revision + 1
                after = case.moved(trigger, unit.now, **changed)
                waits = {case_id: since} if since and given.status == "open" else {}
                words = (await store.unanswered(tx, waits)).get(case_id, [])
                unit.move(
                    case, after, who.actor(), StatusTrigger.SET_BY_PERSON, given.reason, tracing.current(),
                    bounded(words),
                )  # fmt: skip
                await unit.write(tx)
            return await _shown(tx, case_id)

    @routes.get("/replies/{reply_id}", tags=["replies"], responses=problems(404))
    async def get_reply(reply_id: UUID, who: Reader) -> ReplyView:
        """An answer and what became of it."""
        del who
        async with engine.connect() as connection:
            found = await store.replies(connection, [reply_id])
        if reply_id not in found:
            raise not_found("reply")
        return _reply(found[reply_id])

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Counter) -> Counts:
        """How much is on record."""
        del who
        async with engine.connect() as connection:
            interactions = await connection.scalar(select(func.count()).select_from(store.INTERACTION))
            cases = await connection.execute(
                select(store.CASE.c.status, func.count()).group_by(store.CASE.c.status)
            )
            replies = await connection.execute(
                select(store.REPLY.c.state, func.count()).group_by(store.REPLY.c.state)
            )
            dead = await connection.scalar(text("select count(*) from dead_letter where replayed_at is null"))
        return Counts(
            interactions=interactions or 0,
            cases={str(state): int(n) for state, n in cases},
            replies={str(state): int(n) for state, n in replies},
            dead_letters=dead or 0,
        )

    @routes.get("/changes", tags=["live"], response_class=EventStream)
    async def follow(
        who: Reader,
        case_id: UUID | None = None,
        queue: Name = None,
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
        *,
        mine: Annotated[bool, Query(description="Only cases that are mine.")] = False,
    ) -> EventStream:
        """Server-sent events `case`; resumes by Last-Event-ID; `reset` asks to fetch anew."""
        wanted = [f"case:{case_id}"] if case_id else []
        wanted += [f"queue:{queue}"] if queue else []
        wanted += [f"agent:{who.subject}"] if mine else []
        return EventStream(feed.stream(last_event_id, Interest(every=frozenset(wanted))))

    return routes


def _revision(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    digits = if_match.removeprefix("W/").strip('"')
    if not digits.isdecimal() or len(digits) > 9:
        wrong = {"header": "If-Match", "detail": 'is not an ETag of a case, e.g. "3"'}
        raise Problem(422, "Invalid input", "Some of what was sent can't be used.", errors=[wrong])
    return int(digits)


async def _locked(tx: AsyncConnection, case_id: UUID) -> Case:
    cases = await store.load(tx, [case_id])
    if case_id not in cases:
        raise not_found("case")
    return cases[case_id]


async def _whole(connection: AsyncConnection, case_id: UUID) -> WholeCase:
    case = await _shown(connection, case_id)
    i, r, e = store.INTERACTION, store.REPLY, store.ENTRY
    interactions = await connection.execute(select(i).where(i.c.case_id == case_id).order_by(i.c.occurred_at))
    replies = await connection.execute(select(r).where(r.c.case_id == case_id).order_by(r.c.requested_at))
    entries = await connection.execute(select(e).where(e.c.case_id == case_id).order_by(e.c.id))
    return WholeCase(
        case=case,
        interactions=[_interaction(row, case.customer) for row in interactions],
        replies=[_reply(row) for row in replies],
        entries=[Entry.model_validate(row, from_attributes=True) for row in entries],
    )


async def _shown(connection: AsyncConnection, case_id: UUID) -> CaseView:
    found = await connection.execute(store.SHOWN.where(store.CASE.c.case_id == case_id))
    row = found.one_or_none()
    if row is None:
        raise not_found("case")
    return _view(row)


def _view(row: AnyRow) -> CaseView:
    case = store.case_of(mapping(row))
    return CaseView(
        **dict(case.facts()),
        changed_at=case.changed_at,
        assignee=row.assignee,
        assignee_name=row.assignee_name,
        queue=row.queue,
        work_state=row.work_state,
        due_at=row.due_at,
        breached=row.breached or [],
    )


def _interaction(row: AnyRow, customer: CustomerFacts) -> InteractionView:
    interaction = Interaction.model_validate(row.interaction)
    earlier: list[object] = row.earlier
    if row.deleted_at:
        hidden = interaction.content.model_copy(
            update={"subject": None, "text": "", "quoted": None, "signature": None, "html": None}
        )
        interaction, earlier = interaction.model_copy(update={"content": hidden, "attachments": []}), []
    return InteractionView(
        interaction=interaction,
        reading=Reading.model_validate(row.reading),
        threaded_by=row.threaded_by,
        conflicts=[IdentifierConflict.model_validate(conflict) for conflict in row.conflicts],
        earlier=_FORMER.validate_python(earlier),
        deleted_at=row.deleted_at,
        recipient=recipient_of(interaction),
        recipient_belongs_to_customer=belongs_to(recipient_of(interaction), customer),
    )


def _reply(row: AnyRow) -> ReplyView:
    asked = ReplyRequested.model_validate(row.requested)
    return ReplyView(
        reply_id=row.reply_id,
        case_id=row.case_id,
        answers=row.answers,
        channel=asked.channel,
        recipient=asked.recipient,
        text=asked.text,
        author=asked.author,
        state=row.state,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
        reason=row.reason,
        automation=asked.automation,
        occasion=asked.occasion,
    )
