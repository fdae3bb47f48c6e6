"""The live state of queues and agents, for wallboards: kept counts, read once for all who follow them.

Each transaction that moves work inserts by how much it changes which count (`UnitOfWork`), so transactions do not wait for
each other. `counts.add_up` adds these changes up. A count is the sum so far plus the changes since: exact at any moment.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.contracts.agents import Presence
from antiphon.contracts.base import known
from antiphon.contracts.queues import QueueState
from antiphon.contracts.work import WorkState
from antiphon.organisation.agent import Agent, Away
from antiphon.postgres.query import AnyRow
from antiphon.process.clock import Clock
from routing import store
from routing.configuration.active import ActiveVersion, Configurations
from routing.domain import agent_load
from routing.queues import opening
from routing.store.counts import MOST, Movement, UsualArrivals

REFRESH_EVERY = timedelta(seconds=1)
KEEP_ALIVE = timedelta(seconds=15)
SOON = timedelta(minutes=15)


class Flow(BaseModel):
    """How many work items in the last minutes, the current minute included."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"last_5_minutes": 2, "last_30_minutes": 9, "last_60_minutes": 17}]}
    )

    last_5_minutes: int = Field(default=0, description="In the last 5 minutes.")
    last_30_minutes: int = Field(default=0, description="In the last 30 minutes.")
    last_60_minutes: int = Field(default=0, description="In the last 60 minutes.")


class UsualFlow(BaseModel):
    """How many work items usually arrive in so many minutes at this time of the day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"last_5_minutes": 1.5, "last_30_minutes": 9.2, "last_60_minutes": 18.1}]
        }
    )

    last_5_minutes: float = Field(description="In 5 minutes.")
    last_30_minutes: float = Field(description="In 30 minutes.")
    last_60_minutes: float = Field(description="In 60 minutes.")


class SurgeLive(BaseModel):
    """A surge: far more work arrives than usual."""

    began_at: datetime = Field(description="When the surge began.")
    arrived: int = Field(description="The most work items that arrived in ten minutes of it.", examples=[48])
    expected: float = Field(description="How many usually arrive in ten minutes.", examples=[6.5])


class QueueLive(BaseModel):
    """A queue as it is now."""

    queue: str = Field(description="The queue's id in the configuration.", examples=["planning"])
    name: str = Field(description="The queue's name.", examples=["Planning"])
    state: Annotated[str, known(QueueState)] = Field(
        description="The state that people set.", examples=["open"]
    )
    open: bool = Field(description="Whether its work is given out now.")
    not_open_because: str | None = Field(
        description="Why its work is not given out; null when it is.", examples=[None]
    )
    opens_at: datetime | None = Field(description="When its hours begin again; null during its hours.")
    waiting: int = Field(description="Work items that wait.", examples=[3])
    offered: int = Field(description="Work items that are offered to an agent.", examples=[1])
    accepted: int = Field(description="Work items that an agent has accepted.", examples=[2])
    oldest_queued_at: datetime | None = Field(description="Since when the oldest of those that wait waits.")
    next_due_at: datetime | None = Field(description="When the first of those that wait is due.")
    overdue: int = Field(
        description=f"Work items that wait and are past due, counted up to {MOST}.", examples=[0]
    )
    at_risk: int = Field(
        description="Work items that wait and are due within 15 minutes, or whose SLA gave a warning and is not breached, "
        f"counted up to {MOST}.",
        examples=[1],
    )
    arrived: Flow = Field(description="Work items that arrived.")
    usual: UsualFlow | None = Field(
        description="The mean of the arrivals at the same time on up to 14 days before, the days that surges are compared with; "
        "null while less than a day is counted."
    )
    completed: Flow = Field(description="Work items that were completed.")
    agents: dict[str, int] = Field(
        description="How many agents of the queue have each presence.",
        examples=[{"available": 2, "offline": 1}],
    )
    agents_free: int = Field(
        description="How many agents of the queue can be offered work now: in a routable presence, not wrapping up, with "
        "capacity left.",
        examples=[1],
    )
    surge: SurgeLive | None = Field(description="The surge, when far more work arrives than usual.")


class AgentLive(BaseModel):
    """An agent as they are now."""

    agent_id: str = Field(description="The agent's id in the configuration.", examples=["elena"])
    name: str = Field(description="The agent's name.", examples=["Elena Rossi"])
    presence: str = Field(description="A presence that the organisation lists.", examples=["available"])
    since: datetime | None = Field(description="When this presence began; null for one never set.")
    away: Away | None = Field(
        None,
        description="Why the agent is offered nothing at this time; null for who is neither absent nor off shift.",
    )
    load: int = Field(description="Units of capacity that offers and accepted work take.", examples=[2])
    capacity: int = Field(description="Units of work that the agent can hold.", examples=[5])
    profiles: list[agent_load.ProfileUse] = Field(description="What the agent uses of each capacity profile.")


class LabelLive(BaseModel):
    """A label with which far more work arrives than usual."""

    label: str = Field(description="The label, as rules put it on work.", examples=["storm"])
    surge: SurgeLive = Field(description="The surge.")


class LiveState(BaseModel):
    """All queues and agents at one moment."""

    at: datetime = Field(description="The moment.")
    queues: list[QueueLive] = Field(description="All queues, in the order of the configuration.")
    agents: list[AgentLive] = Field(description="All agents, by name.")
    labels: list[LabelLive] = Field(description="Labels with which far more work arrives than usual.")


async def read_state(
    tx: AsyncConnection, active: ActiveVersion, now: datetime, usual: Mapping[str, UsualArrivals]
) -> LiveState:
    """Reads the live state in four statements. Their cost does not grow with the backlog or with history.

    `usual` has what usually arrives in each queue, as far as that is known.
    """
    configured = active.configuration
    counted = await store.counts.read(tx, now)
    heads = await store.counts.heads(tx, list(configured.queues), now, now + SOON)
    openings = opening.openings(active, now)
    present = await store.agents.agents(tx, configured.days(now))
    ongoing = await store.surges.ongoing(tx)
    surging = {row.queue: row for row in ongoing if row.queue is not None}
    counts: Mapping[tuple[str, str], AnyRow] = {(row.queue, row.what): row for row in counted}

    def current(queue: str, what: WorkState) -> int:
        row = counts.get((queue, what))
        return row.current if row else 0

    def flow(queue: str, what: Movement) -> Flow:
        row = counts.get((queue, what))
        if row is None:
            return Flow()
        return Flow(last_5_minutes=row.last_5, last_30_minutes=row.last_30, last_60_minutes=row.last_60)

    def usual_flow(queue: str) -> UsualFlow | None:
        if (known := usual.get(queue)) is None:
            return None
        last_5, last_30, last_60 = (round(mean, 1) for mean in known)
        return UsualFlow(last_5_minutes=last_5, last_30_minutes=last_30, last_60_minutes=last_60)

    def presence(agent_id: str) -> str:
        row = present.get(agent_id)
        return row.presence if row else Presence.OFFLINE.value

    def is_free(agent: Agent) -> bool:
        row = present.get(agent.id)
        if row is None or agent.away is not None or row.presence not in configured.routable:
            return False
        wraps_up = row.wrap_up_until is not None and row.wrap_up_until > now
        return not wraps_up and row.load < agent.capacity and store.ramp_up.left(row, now) > 0

    free = [agent for agent in configured.agents_by_id.values() if is_free(agent)]
    queues = [
        QueueLive(
            queue=key,
            name=queue.name,
            state=active.queue_states[key].state if key in active.queue_states else QueueState.OPEN.value,
            open=openings[key].open,
            not_open_because=openings[key].why,
            opens_at=openings[key].opens_at,
            waiting=current(key, WorkState.QUEUED),
            offered=current(key, WorkState.OFFERED),
            accepted=current(key, WorkState.ACCEPTED),
            oldest_queued_at=heads[key].oldest_queued_at,
            next_due_at=heads[key].next_due_at,
            overdue=heads[key].overdue,
            at_risk=heads[key].at_risk,
            arrived=flow(key, Movement.ARRIVED),
            usual=usual_flow(key),
            completed=flow(key, Movement.COMPLETED),
            agents=dict(Counter(presence(a.id) for a in configured.agents_by_id.values() if key in a.queues)),
            agents_free=sum(key in agent.queues for agent in free),
            surge=SurgeLive.model_validate(surging[key], from_attributes=True) if key in surging else None,
        )
        for key, queue in configured.queues.items()
    ]
    agents = [
        AgentLive(
            agent_id=agent.id,
            name=agent.name,
            presence=presence(agent.id),
            since=row.since if (row := present.get(agent.id)) else None,
            away=agent.away,
            load=agent_load.shown_load(row.load, agent.capacity) if row else 0,
            capacity=agent.capacity,
            profiles=agent_load.profiles_used(configured, agent, present.get(agent.id)),
        )
        for agent in sorted(configured.agents_by_id.values(), key=lambda agent: agent.name)
    ]
    labels = [
        LabelLive(label=row.label, surge=SurgeLive.model_validate(row, from_attributes=True))
        for row in sorted(ongoing, key=lambda row: row.label or "")
        if row.label is not None
    ]
    return LiveState(at=now, queues=queues, agents=agents, labels=labels)


class Live:
    """The live state, read at most once a second for however many readers."""

    def __init__(self, engine: AsyncEngine, configurations: Configurations, clock: Clock) -> None:
        self._engine = engine
        self._configurations = configurations
        self._clock = clock
        self._reading = asyncio.Lock()
        self._read: tuple[float, LiveState] | None = None
        self._usual: tuple[datetime, Mapping[str, UsualArrivals]] | None = None

    async def now(self) -> LiveState:
        """The live state, at most a second old."""
        async with self._reading:
            moment = asyncio.get_running_loop().time()
            if self._read is None or moment - self._read[0] >= REFRESH_EVERY.total_seconds():
                now = self._clock()
                async with self._engine.begin() as tx:
                    active = await self._configurations.active(tx, now)
                    self._read = (
                        moment,
                        await read_state(tx, active, now, await self._usual_of(tx, active, now)),
                    )
            return self._read[1]

    async def _usual_of(
        self, tx: AsyncConnection, active: ActiveVersion, now: datetime
    ) -> Mapping[str, UsualArrivals]:
        """What usually arrives in each queue, read once a minute."""
        minute = now.replace(second=0, microsecond=0)
        if self._usual is None or self._usual[0] != minute:
            self._usual = minute, await store.counts.usual(tx, list(active.configuration.queues), now)
        return self._usual[1]

    async def stream(self) -> AsyncGenerator[bytes]:
        """Server-sent events `live`, each the whole state: one at once, then one whenever it changes."""
        shown: LiveState | None = None
        silent = 0.0
        while True:
            current = await self.now()
            if shown is None or current.model_copy(update={"at": shown.at}) != shown:
                shown, silent = current, 0.0
                yield b"event: live\ndata: " + to_json(current) + b"\n\n"
            elif silent >= KEEP_ALIVE.total_seconds():
                silent = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(REFRESH_EVERY.total_seconds())
            silent += REFRESH_EVERY.total_seconds()
