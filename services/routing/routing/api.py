"""The HTTP door of routing: agents and their offers, work and why it is where it is, queues, configuration."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon import pages
from antiphon.access import STAFF, Identity, Role, require
from antiphon.changes import Change, ChangeFeed
from antiphon.clock import Clock
from antiphon.contracts.agents import Presence
from antiphon.database import AnyRow
from antiphon.organisation import ConfigurationError
from antiphon.pages import Page
from antiphon.problems import Problem, not_found, problems
from antiphon.web import Body, Words
from routing import assignment, explain, store
from routing.configurations import Configurations, InForce
from routing.desk import Work
from routing.domain.configuration import Agent, read

AgentOnly = Annotated[Identity, Depends(require(Role.AGENT))]
Worker = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Supervisor = Annotated[Identity, Depends(require(Role.SUPERVISOR))]
Operations = Annotated[Identity, Depends(require(Role.OPERATIONS))]
Overseer = Annotated[Identity, Depends(require(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER))]
Reader = Annotated[Identity, Depends(require(*STAFF))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Name = Annotated[Words | None, Query(max_length=200)]
Reason = Annotated[Words, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Match = Annotated[str | None, Header(alias="If-Match", max_length=50)]


class AgentView(BaseModel):
    """An agent: whether they are there, and how much they hold."""

    agent_id: str
    name: str
    presence: Presence
    since: datetime | None
    queues: list[str]
    skills: dict[str, int]
    capacity: int
    load: int


class WorkView(BaseModel):
    """A case's claim on somebody's attention."""

    work_item_id: UUID
    case_id: UUID
    case_reference: str
    customer_id: UUID
    channel: str
    subject: str | None
    state: Literal["queued", "offered", "accepted", "completed"]
    queue: str
    priority: int
    skills: dict[str, int]
    queued_at: datetime
    due_at: datetime | None
    agent_id: str | None
    attempts: int
    changed_at: datetime
    completed_at: datetime | None


class OfferView(BaseModel):
    """Work that is reserved for an agent until it expires."""

    offer_id: UUID
    expires_at: datetime
    work: WorkView


class WorkWhole(WorkView):
    """A work item with why it went where it went, and why it still waits."""

    decision: explain.DecisionView
    candidates: list[explain.CandidateView]
    waiting_because: str | None = Field(None, description="Why nobody has it yet; null when somebody has.")
    offers: list[explain.PastOffer]


class QueueView(BaseModel):
    """A queue now."""

    queue: str
    name: str
    waiting: int
    offered: int
    accepted: int
    oldest_queued_at: datetime | None
    next_due_at: datetime | None
    agents_available: int


class NewPresence(Body):
    """Whether work may be offered: only to the available."""

    presence: Literal["available", "busy", "away", "offline"]


class Decline(Body):
    """Why not."""

    reason: Reason | None = None


class Transfer(Body):
    """To a queue or to one agent."""

    queue: Words | None = Field(None, max_length=100)
    agent_id: Words | None = Field(None, max_length=100)
    note: Reason | None = None


class Completion(Body):
    """Why nothing more is to be done."""

    reason: Reason


class ConfigurationView(BaseModel):
    """A version of the configuration."""

    version: int
    loaded_at: datetime
    loaded_by: str
    source: str


class Loaded(BaseModel):
    """The version in force."""

    version: int
    new: bool


class Checked(BaseModel):
    """A configuration that could be loaded."""

    rules: int
    queues: int
    agents: int


class Counts(BaseModel):
    """Work, offers and clocks by how they stand."""

    work: dict[str, int]
    offers: dict[str, int]
    clocks: dict[str, int]
    dead_letters: int


def router(  # noqa: C901, PLR0915 - the routes of one service
    engine: AsyncEngine, feed: ChangeFeed, clock: Clock, configurations: Configurations
) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    async def force_of(tx: AsyncConnection) -> InForce:
        return await configurations.in_force(tx, clock().date())

    async def myself(tx: AsyncConnection, who: Identity) -> Agent:
        agent = (await force_of(tx)).configuration.agents_by_id.get(who.subject)
        if agent is None:
            raise Problem(403, "Not allowed", f"{who.subject!r} is not an agent of this organisation.")
        return agent

    @routes.put("/agents/me/presence", tags=["agents"], responses=problems(400))
    async def set_my_presence(given: NewPresence, who: AgentOnly) -> AgentView:
        """I am here, busy, away, or gone. Who goes offline loses no work: it returns to its place."""
        async with engine.begin() as tx:
            agent = await myself(tx, who)
            await assignment.set_presence(tx, agent, Presence(given.presence), "set by the agent", clock())
            return _agent(agent, (await store.agents(tx)).get(agent.id))

    @routes.get("/agents/me", tags=["agents"])
    async def get_me(who: AgentOnly) -> AgentView:
        """How the organisation knows me, and how I stand."""
        async with engine.connect() as connection:
            agent = await myself(connection, who)
            return _agent(agent, (await store.agents(connection)).get(agent.id))

    @routes.get("/agents", tags=["agents"])
    async def list_agents(who: Overseer) -> Page[AgentView]:
        """All agents, by name."""
        del who
        async with engine.connect() as connection:
            known = (await force_of(connection)).configuration.agents
            rows = await store.agents(connection)
        return Page(
            items=[_agent(agent, rows.get(agent.id)) for agent in sorted(known, key=lambda a: a.name)],
            next=None,
        )

    @routes.put("/agents/{agent_id}/presence", tags=["agents"], responses=problems(400, 404))
    async def set_presence(agent_id: str, given: NewPresence, who: Supervisor) -> AgentView:
        """A supervisor sets an agent's presence, e.g. logs them off."""
        async with engine.begin() as tx:
            agent = (await force_of(tx)).configuration.agents_by_id.get(agent_id)
            if agent is None:
                raise not_found("agent")
            await assignment.set_presence(
                tx, agent, Presence(given.presence), f"set by supervisor {who.subject}", clock()
            )
            return _agent(agent, (await store.agents(tx)).get(agent.id))

    @routes.get("/offers/me", tags=["offers"])
    async def my_offers(who: AgentOnly) -> Page[OfferView]:
        """The offers that wait for my answer, the first to expire first."""
        o, w = store.OFFER, store.WORK
        async with engine.connect() as connection:
            await myself(connection, who)
            rows = await connection.execute(
                select(o.c.offer_id, o.c.expires_at, w)
                .join(w, w.c.work_item_id == o.c.work_item_id)
                .where(o.c.agent_id == who.subject, o.c.result.is_(None), o.c.expires_at > clock())
                .order_by(o.c.expires_at)
            )
            items = [
                OfferView(
                    offer_id=row.offer_id,
                    expires_at=row.expires_at,
                    work=WorkView.model_validate(row, from_attributes=True),
                )
                for row in rows
            ]
        return Page(items=items, next=None)

    @routes.post("/offers/{offer_id}/accept", tags=["offers"], responses=problems(404, 409))
    async def accept(offer_id: UUID, who: AgentOnly) -> WorkView:
        """I take it. Too late, or somebody else has it: 409 with who."""
        async with engine.begin() as tx:
            return _work(await assignment.accept(tx, offer_id, who.subject, clock()))

    @routes.post("/offers/{offer_id}/decline", tags=["offers"], responses=problems(400, 404, 409))
    async def decline(offer_id: UUID, given: Decline, who: AgentOnly) -> WorkView:
        """I don't: it goes back to its place, and others are asked before I am again."""
        async with engine.begin() as tx:
            return _work(await assignment.decline(tx, offer_id, who.subject, given.reason, clock()))

    @routes.get("/work", tags=["work"], responses=problems(400))
    async def list_work(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, queue: Name = None,
        state: Literal["queued", "offered", "accepted", "completed"] | None = None,
        assignee: Annotated[Words | None, Query(max_length=200, description="An agent's id, or `me`.")] = None,
    ) -> Page[WorkView]:  # fmt: skip
        """Work, the newest change first. An agent sees their own and that of their queues."""
        w = store.WORK.c
        query = select(store.WORK).order_by(w.changed_at.desc(), w.work_item_id.desc())
        wanted: dict[Any, Any] = {
            w.queue: queue, w.state: state, w.agent_id: who.subject if assignee == "me" else assignee,
        }  # fmt: skip
        for column, value in wanted.items():
            if value is not None:
                query = query.where(column == value)
        if cursor:
            at, last = pages.decode_cursor(cursor, (str, str))
            query = query.where(tuple_(w.changed_at, w.work_item_id) < (pages.time(at), pages.uuid(last)))
        async with engine.connect() as connection:
            if not who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER):
                agent = await myself(connection, who)
                query = query.where(w.queue.in_(agent.queues) | (w.agent_id == agent.id))
            rows = (await connection.execute(query.limit(limit + 1))).all()
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[WorkView.model_validate(row, from_attributes=True) for row in rows[:limit]],
            next=pages.encode_cursor(more.changed_at.isoformat(), str(more.work_item_id)) if more else None,
        )

    @routes.get("/work/{work_item_id}", tags=["work"], responses=problems(404))
    async def get_work(work_item_id: UUID, who: Reader) -> WorkWhole:
        """One work item: which rule put it there, who could take it, and why it still waits."""
        async with engine.connect() as connection:
            force = await force_of(connection)
            found = await connection.execute(
                select(store.WORK).where(store.WORK.c.work_item_id == work_item_id)
            )
            row = found.one_or_none()
            if row is None:
                raise not_found("work item")
            if not who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER):
                agent = await myself(connection, who)
                if row.queue not in agent.queues and row.agent_id != agent.id:
                    raise not_found("work item")
            told = await explain.explain(connection, row, force, clock())
        return WorkWhole(**WorkView.model_validate(row, from_attributes=True).model_dump(), **told)

    @routes.post("/work/{work_item_id}/complete", tags=["work"], responses=problems(400, 404, 409))
    async def complete(work_item_id: UUID, given: Completion, who: Worker) -> WorkView:
        """Nothing more is to be done for now, although the case was not answered."""
        async with engine.begin() as tx:
            anyones = who.has(Role.SUPERVISOR)
            return _work(
                await assignment.complete(
                    tx, work_item_id, who.actor(), given.reason, anyones=anyones, now=clock()
                )
            )

    @routes.post("/work/{work_item_id}/transfer", tags=["work"], responses=problems(400, 404, 409))
    async def transfer(work_item_id: UUID, given: Transfer, who: Worker) -> WorkView:
        """Hands the work to another queue, or offers it to one agent; a supervisor anybody's, an agent their own."""
        async with engine.begin() as tx:
            force = await force_of(tx)
            agent = force.configuration.agents_by_id.get(given.agent_id or "")
            if (given.queue is None) == (given.agent_id is None):
                raise _wrong("/queue", "give a queue or an agent_id")
            if given.queue is not None and given.queue not in force.configuration.queues:
                raise _wrong("/queue", f"unknown queue {given.queue!r}")
            if given.agent_id is not None and agent is None:
                raise _wrong("/agent_id", f"unknown agent {given.agent_id!r}")
            return _work(
                await assignment.transfer(
                    tx, work_item_id, who.actor(), force, queue=given.queue, agent=agent, note=given.note,
                    anyones=who.has(Role.SUPERVISOR), now=clock(),
                )
            )  # fmt: skip

    @routes.get("/queues", tags=["queues"])
    async def list_queues(who: Reader) -> Page[QueueView]:
        """Every queue as it stands now."""
        del who
        async with engine.connect() as connection:
            force = await force_of(connection)
            rows = await connection.execute(
                text(
                    "select queue, count(*) filter (where state = 'queued') as waiting, "
                    "count(*) filter (where state = 'offered') as offered, "
                    "count(*) filter (where state = 'accepted') as accepted, "
                    "min(queued_at) filter (where state = 'queued') as oldest_queued_at, "
                    "min(due_at) filter (where state <> 'accepted') as next_due_at "
                    "from work_item where state <> 'completed' group by queue"
                )
            )
            now = {row.queue: row for row in rows}
            present = await store.agents(connection)
        there = [
            a for a in force.configuration.agents if (p := present.get(a.id)) and p.presence == "available"
        ]
        return Page(
            items=[
                QueueView(
                    queue=key,
                    name=queue.name,
                    waiting=now[key].waiting if key in now else 0,
                    offered=now[key].offered if key in now else 0,
                    accepted=now[key].accepted if key in now else 0,
                    oldest_queued_at=now[key].oldest_queued_at if key in now else None,
                    next_due_at=now[key].next_due_at if key in now else None,
                    agents_available=sum(key in agent.queues for agent in there),
                )
                for key, queue in force.configuration.queues.items()
            ],
            next=None,
        )

    @routes.get("/configuration", tags=["configuration"], responses=problems(404))
    async def get_configuration(who: Overseer, response: Response) -> ConfigurationView:
        """The configuration in force, as it was written."""
        del who
        table = store.CONFIGURATION
        async with engine.connect() as connection:
            found = await connection.execute(select(table).order_by(table.c.version.desc()).limit(1))
        row = found.one_or_none()
        if row is None:
            raise not_found("configuration")
        response.headers["ETag"] = f'"{row.version}"'
        return ConfigurationView.model_validate(row, from_attributes=True)

    yaml_body: dict[str, Any] = {
        "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
    }

    @routes.put(
        "/configuration",
        tags=["configuration"],
        openapi_extra=yaml_body,
        responses=problems(400, 412, 413, 428),
    )
    async def put_configuration(request: Request, who: Operations, if_match: Match = None) -> Loaded:
        """Checks a configuration (YAML) and puts it in force at once; a faulty one changes nothing."""
        source = await _source(request)
        async with engine.begin() as tx:
            latest = await store.latest_configuration(tx)
            if if_match is None:
                raise Problem(
                    428, "Precondition required", "Send If-Match with the ETag of the configuration you saw."
                )
            if latest is not None and if_match.strip('"') != str(latest.version):
                raise Problem(412, "Precondition failed", f"Version {latest.version} is in force now.")
            try:
                version, new = await configurations.load(tx, source, "configuration", who.subject, clock())
            except ConfigurationError as error:
                raise _faulty(error) from error
        return Loaded(version=version, new=new)

    @routes.post(
        "/configuration/check", tags=["configuration"], openapi_extra=yaml_body, responses=problems(400, 413)
    )
    async def check_configuration(request: Request, who: Operations) -> Checked:
        """Whether a configuration (YAML) could be loaded; every fault with its line and column."""
        del who
        try:
            found = read(await _source(request), "configuration")
        except ConfigurationError as error:
            raise _faulty(error) from error
        return Checked(rules=len(found.rules), queues=len(found.queues), agents=len(found.agents))

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Counter) -> Counts:
        """How work, offers and clocks stand."""
        del who
        async with engine.connect() as connection:
            work = await connection.execute(text("select state, count(*) from work_item group by state"))
            offers = await connection.execute(
                text("select coalesce(result, 'pending'), count(*) from offer group by 1")
            )
            clocks = await connection.execute(
                text(
                    "select case when cancelled_at is not null then 'cancelled' when met_at > due_at then 'met late' "
                    "when met_at is not null then 'met' when breached_at is not null then 'breached' else 'running' end, "
                    "count(*) from clock group by 1"
                )
            )
            dead = await connection.scalar(text("select count(*) from dead_letter where replayed_at is null"))
        return Counts(
            work={str(k): int(n) for k, n in work},
            offers={str(k): int(n) for k, n in offers},
            clocks={str(k): int(n) for k, n in clocks},
            dead_letters=dead or 0,
        )

    @routes.get("/changes", tags=["live"], response_class=EventSourceResponse)
    async def follow(
        who: Reader, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events `offer`, `offer-ended`, `work`, `presence`, `sla-breached`; resumes by Last-Event-ID.

        An agent gets their own offers and the work of their queues; others get all.
        """
        everything = who.has(Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER)
        mine: set[str] = set()
        if not everything:
            async with engine.connect() as connection:
                agent = await myself(connection, who)
            mine = {f"agent:{agent.id}", *(f"queue:{queue}" for queue in agent.queues)}

        def visible(change: Change) -> bool:
            return everything or not mine.isdisjoint(change.audience)

        async for event in feed.stream(last_event_id, visible):
            yield event

    return routes


async def _source(request: Request) -> str:
    body = await request.body()
    if len(body) > 1_000_000:
        raise Problem(413, "Too large", "A configuration may have a million bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "Bad request", "The configuration is not UTF-8.") from error


def _faulty(error: ConfigurationError) -> Problem:
    errors = [
        {"detail": f.message, "pointer": f.path, "line": f.line, "column": f.column} for f in error.faults
    ]
    return Problem(
        422, "Invalid input", "The configuration can't be used; the one in force stays.", errors=errors
    )


def _wrong(pointer: str, detail: str) -> Problem:
    return Problem(
        422,
        "Invalid input",
        "Some of what was sent can't be used.",
        errors=[{"pointer": pointer, "detail": detail}],
    )


def _agent(agent: Agent, row: AnyRow | None) -> AgentView:
    return AgentView(
        agent_id=agent.id,
        name=agent.name,
        presence=Presence(row.presence) if row else Presence.OFFLINE,
        since=row.since if row else None,
        queues=agent.queues,
        skills=agent.skills,
        capacity=agent.capacity,
        load=row.load if row else 0,
    )


def _work(work: Work) -> WorkView:
    return WorkView.model_validate(work)
