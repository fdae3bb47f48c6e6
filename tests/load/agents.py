"""The agents of the bench: an organisation that has them, their presence, and the live streams of their desktops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import httpx
import yaml

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from deploy.site import EXAMPLE
from deploy.stack import Stack
from tests.load.flow import Flow

QUIET_S = 600
AT_ONCE = 8
UNUSED_QUEUE = "hazards"  # no message of the load is about a gas leak


def write_organisation(path: Path, agents: int, *, capacity: int = 100, offer_timeout: str = "8h") -> Path:
    """Writes the example organisation to `path`, with `agents` agents spread evenly over the queues that have traffic.

    By default an offer lasts for the whole run. No agent is a member of a queue by skill, and no queue has escalation steps.
    Returns `path`.
    """
    organisation = yaml.safe_load(EXAMPLE.read_text())
    queues = [queue for queue in organisation["queues"] if queue != UNUSED_QUEUE]
    skills = dict.fromkeys(organisation["skills"], 10)
    organisation["people"] = [
        {
            "id": agent_id(n),
            "name": f"Agent {n}",
            "queues": [queues[n % len(queues)]],
            "skills": dict(skills),  # a copy for each: the configuration may not have YAML aliases
            "capacity": capacity,
        }
        for n in range(agents)
    ]
    for queue in organisation["queues"].values():
        queue["offer_timeout"] = offer_timeout
        queue.pop("members", None)
        queue.pop("steps", None)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(organisation, sort_keys=False))
    return path


def agent_id(number: int) -> str:
    """The id of an agent."""
    return f"agent-{number:03}"


class Deliveries(NamedTuple):
    """The changes that the desktops got. `wrong` counts changes that a desktop missed, got twice, out of order or for other agents."""

    changes: int
    deliveries: int
    wrong: int
    p50_ms: float
    p99_ms: float


class Agents:
    """`count` agents of an organisation of `write_organisation`."""

    def __init__(self, stack: Stack, flow: Flow, count: int) -> None:
        self._stack = stack
        self._flow = flow
        self._tokens = {agent_id(n): stack.token(Role.AGENT, agent_id(n)) for n in range(count)}

    @contextlib.asynccontextmanager
    async def available(self) -> AsyncGenerator[None]:
        """All agents are available while entered. Work that waited is offered before the block begins."""
        await self._set_presence("available")
        await self._flow.all_work_offered(QUIET_S)
        try:
            yield
        finally:
            await self._set_presence("away")

    async def _set_presence(self, presence: str) -> None:
        url = f"{self._stack.url('routing')}/agents/me/presence"
        gate = asyncio.Semaphore(AT_ONCE)

        async def put(http: httpx.AsyncClient, token: str) -> None:
            async with gate:
                answer = await http.put(
                    url, json={"presence": presence}, headers={"Authorization": f"Bearer {token}"}
                )
                answer.raise_for_status()

        async with httpx.AsyncClient(timeout=60) as http:
            await asyncio.gather(*(put(http, token) for token in self._tokens.values()))

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncGenerator[list["Desktop"]]:
        """The desktop of every agent follows the live changes of routing while entered."""
        desktops = [Desktop(agent, token) for agent, token in self._tokens.items()]
        port = self._stack.site.ports.routing
        following = [asyncio.create_task(desktop.follow(port)) for desktop in desktops]
        try:
            for desktop in desktops:
                await asyncio.wait_for(desktop.connected.wait(), 60)
            yield desktops
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    async def compare(self, desktops: Sequence["Desktop"]) -> Deliveries:
        """Compares the changes that each desktop got with those that routing's change log has for its agent."""
        beginnings = [desktop.begin for desktop in desktops]
        rows = await self._flow.query(
            "routing",
            "select cast(xid as text) as xid, id, audience, at from change_log order by change_log.xid, id",
        )
        log = [((int(row["xid"]), row["id"]), set(row["audience"]), row["at"].timestamp()) for row in rows]
        wrong, times = 0, list[float]()
        organisation = yaml.safe_load(self._stack.site.organisation.read_text())
        audiences = {
            a["id"]: {f"agent:{a['id']}", *(f"queue:{q}" for q in a["queues"])}
            for a in organisation["people"]
        }
        for desktop in desktops:
            expected = {
                place: at
                for place, audience, at in log
                if place > desktop.begin and not audience.isdisjoint(audiences[desktop.agent])
            }
            seen = [place for place, _ in desktop.seen]
            if seen != list(expected):
                wrong += len(set(seen) ^ set(expected)) or 1
            times += [moment - expected[place] for place, moment in desktop.seen if place in expected]
        cuts = quantiles(times, n=100, method="inclusive")
        return Deliveries(
            sum(place > min(beginnings) for place, _, _ in log),
            len(times),
            wrong,
            cuts[49] * 1000,
            cuts[98] * 1000,
        )


class Desktop:
    """The live stream of one agent: the changes it got, in order, each with its time. It reads only the ids, to be cheap."""

    def __init__(self, agent: str, token: str) -> None:
        self.agent = agent
        self.connected = asyncio.Event()
        self.begin = (0, 0)
        self.seen: list[tuple[tuple[int, int], float]] = []
        self._token = token

    async def follow(self, port: int) -> None:
        """Reads until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"GET /changes HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode()
            )
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    xid, _, number = line[4:].strip().partition(b"-")
                    place = (int(xid), int(number))
                    if self.connected.is_set():
                        self.seen.append((place, utc_now().timestamp()))
                    else:
                        self.begin = place
                        self.connected.set()
        finally:
            writer.close()
