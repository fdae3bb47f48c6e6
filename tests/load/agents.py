"""Agents at their desks: an organisation that employs them, their presence, and their desktops' live streams."""

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
SILENT = "hazards"  # nobody of the load speaks of a gas leak


def staffed(path: Path, agents: int, *, capacity: int = 100, offer_timeout: str = "8h") -> Path:
    """The example organisation with `agents` agents instead of its own, an equal share in each queue that has traffic.

    By default nobody answers, and what is offered stays offered. Nobody is a member by skill, and no queue has steps.
    """
    organisation = yaml.safe_load(EXAMPLE.read_text())
    queues = [queue for queue in organisation["queues"] if queue != SILENT]
    skills = dict.fromkeys(organisation["skills"], 10)
    organisation["agents"] = [
        {
            "id": name(n),
            "name": f"Agent {n}",
            "queues": [queues[n % len(queues)]],
            "skills": dict(skills),  # written out for each: YAML aliases are not taken
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


def name(number: int) -> str:
    """An agent's id."""
    return f"agent-{number:03}"


class Delivered(NamedTuple):
    """What 300 desktops saw. `wrong` counts changes that a desktop missed, saw twice, late or without being concerned."""

    changes: int
    deliveries: int
    wrong: int
    p50_ms: float
    p99_ms: float


class Desks:
    """`count` agents of a stack that `staffed` described."""

    def __init__(self, stack: Stack, flow: Flow, count: int) -> None:
        self._stack = stack
        self._flow = flow
        self._tokens = {name(n): stack.token(Role.AGENT, name(n)) for n in range(count)}

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """All agents are available while entered; what waited before is offered before this enters."""
        await self._presence("available")
        await self._flow.given_out(QUIET_S)
        try:
            yield
        finally:
            await self._presence("away")

    async def _presence(self, presence: str) -> None:
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
    async def watched(self) -> AsyncGenerator[list["Desktop"]]:
        """Every agent's desktop follows routing's live changes while entered."""
        desktops = [Desktop(agent, token) for agent, token in self._tokens.items()]
        port = self._stack.site.ports.routing
        following = [asyncio.create_task(desktop.follow(port)) for desktop in desktops]
        try:
            for desktop in desktops:
                await asyncio.wait_for(desktop.begun.wait(), 60)
            yield desktops
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    async def compare(self, desktops: Sequence["Desktop"]) -> Delivered:
        """What each desktop saw against what concerned its agent, by the log of changes."""
        beginnings = [desktop.place for desktop in desktops]
        rows = await self._flow.ask(
            "routing",
            "select cast(xid as text) as xid, id, audience, at from change_log order by change_log.xid, id",
        )
        log = [((int(row["xid"]), row["id"]), set(row["audience"]), row["at"].timestamp()) for row in rows]
        queues = {a.agent: a for a in desktops}
        wrong, times = 0, list[float]()
        organisation = yaml.safe_load(self._stack.site.organisation.read_text())
        mine = {
            a["id"]: {f"agent:{a['id']}", *(f"queue:{q}" for q in a["queues"])}
            for a in organisation["agents"]
        }
        for desktop in queues.values():
            concerned = {
                place: at
                for place, whom, at in log
                if place > desktop.place and not whom.isdisjoint(mine[desktop.agent])
            }
            seen = [place for place, _ in desktop.seen]
            if seen != list(concerned):
                wrong += len(set(seen) ^ set(concerned)) or 1
            times += [moment - concerned[place] for place, moment in desktop.seen if place in concerned]
        cuts = quantiles(times, n=100, method="inclusive")
        return Delivered(
            sum(place > min(beginnings) for place, _, _ in log),
            len(times),
            wrong,
            cuts[49] * 1000,
            cuts[98] * 1000,
        )


class Desktop:
    """One agent's live stream: what it saw, in order, and when. It reads no more than it needs to be cheap."""

    def __init__(self, agent: str, token: str) -> None:
        self.agent = agent
        self.begun = asyncio.Event()
        self.place = (0, 0)
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
                    if self.begun.is_set():
                        self.seen.append((place, utc_now().timestamp()))
                    else:
                        self.place = place
                        self.begun.set()
        finally:
            writer.close()
