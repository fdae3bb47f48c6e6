"""Agents who work through the API alone: they sign in, send heartbeats, accept, decline or ignore offers, complete, sign off and return."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import httpx

from antiphon.access.roles import Role
from deploy.stack import Stack
from tests.faults.rush.cases import Cases

HEARTBEAT_EVERY_S = 20.0
PATIENCE_S, PAUSE_S = 30.0, 0.3
REQUESTS_AT_ONCE = 24
DECLINED, IGNORED, SIGNED_OFF, ANSWERED = 0.04, 0.01, 0.005, 0.2
"""The shares of offers that are declined, ignored, and left by an agent who signs off; and of work that an answer completes."""


class Agents:
    """The agents of a stack with `replicas` of routing. An agent reads their offers when `notify` names them."""

    def __init__(
        self, stack: Stack, agents: Iterable[str], cases: Cases, dice: random.Random, replicas: int
    ) -> None:
        self._urls = [stack.url("routing", replica=n) for n in range(1, replicas + 1)]
        self._tokens = {agent: stack.token(Role.AGENT, agent) for agent in agents}
        self._notified = {agent: asyncio.Event() for agent in self._tokens}
        self._with_overdue_work: set[str] = set()
        self._replica_of = {agent: n for n, agent in enumerate(self._tokens)}
        self._cases = cases
        self._dice = dice
        self._requests = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._stopped = asyncio.Event()
        self.accepted: set[tuple[str, UUID]] = set()
        self.actions: Counter[str] = Counter()

    def notify(self, offered: Iterable[str], overdue: Iterable[str] = ()) -> None:
        """The first agents have a new offer; the second have accepted work for long, perhaps without having got the response."""
        self._with_overdue_work |= set(overdue)
        for agent in {*offered, *self._with_overdue_work}:
            self._notified[agent].set()

    def stop(self) -> None:
        """Stops each agent after the work in progress."""
        self._stopped.set()
        self.notify(self._notified)

    async def run(self) -> None:
        """Works until `stop`."""
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            await asyncio.gather(*(_Agent(self, http, agent).work() for agent in self._tokens))

    async def request(
        self, http: httpx.AsyncClient, agent: str, verb: str, path: str, **options: Any
    ) -> httpx.Response:
        """The response of a replica. A request that fails or gets no response is sent again, to the next replica."""
        while True:
            url = self._urls[self._replica_of[agent] % len(self._urls)] + path
            try:
                async with self._requests:
                    response = await http.request(
                        verb, url, headers={"Authorization": f"Bearer {self._tokens[agent]}"}, **options
                    )
                if response.status_code < 500:
                    return response
                self.actions[f"{response.status_code}"] += 1
            except (httpx.TransportError, OSError):
                self.actions["no response"] += 1
            self._replica_of[agent] += 1
            await asyncio.sleep(PAUSE_S)

    async def answer(self, case_id: UUID, agent: str) -> None:
        """Answers a case; the event of case-mgmt follows."""
        await self._cases.answer(case_id, agent)

    def chance(self) -> float:
        """A random number from 0 to 1."""
        return self._dice.random()

    async def notified(self, agent: str, within: float) -> bool:
        """Whether the agent is notified within so many seconds."""
        try:
            await asyncio.wait_for(self._notified[agent].wait(), max(0.0, within))
        except TimeoutError:
            return False
        self._notified[agent].clear()
        return True

    def has_overdue_work(self, agent: str) -> bool:
        """Whether the agent was notified of overdue work since the last call."""
        is_overdue = agent in self._with_overdue_work
        self._with_overdue_work.discard(agent)
        return is_overdue

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()


class _Agent:
    """One agent. The API says which work the agent has, also when the response to an accept was lost."""

    def __init__(self, agents: Agents, http: httpx.AsyncClient, name: str) -> None:
        self._agents = agents
        self._http = http
        self._name = name
        self._ignored: set[str] = set()
        self._answered: set[UUID] = set()
        self._last_heartbeat = 0.0

    async def work(self) -> None:
        await self._sign_in()
        loop = asyncio.get_running_loop()
        while not self._agents.is_stopped:
            due = self._last_heartbeat + HEARTBEAT_EVERY_S - loop.time()
            if not await self._agents.notified(self._name, due):
                await self._send_heartbeat()
                continue
            own = [await self._decide(offer) for offer in await self._list("/offers/me")]
            if self._agents.has_overdue_work(self._name):
                own += await self._list("/work?agent_id=me&state=accepted")
            for work in own:
                if work is not None:
                    await self._complete(UUID(work["work_item_id"]), UUID(work["case_id"]))

    async def _list(self, path: str) -> Sequence[Any]:
        response = await self._request("GET", path)
        response.raise_for_status()
        items: Sequence[Any] = response.json()["items"]
        return items

    async def _sign_in(self) -> None:
        path = "/agents/me/presence"
        (await self._request("PUT", path, json={"presence": "available"})).raise_for_status()

    async def _send_heartbeat(self) -> None:
        self._last_heartbeat = asyncio.get_running_loop().time()
        presence = (await self._request("POST", "/agents/me/heartbeat")).json()["presence"]
        if presence != "available":
            self._agents.actions[f"found {presence}"] += 1
            await self._sign_in()

    async def _decide(self, offer: Any) -> Any:
        """Accepts, declines or ignores the offer, or signs off for a while. The work if the agent has it now, else None."""
        offer_id, chance = offer["offer_id"], self._agents.chance()
        if offer_id in self._ignored:
            return None
        if chance < IGNORED:
            self._ignored.add(offer_id)
            self._agents.actions["ignored"] += 1
        elif chance < IGNORED + DECLINED:
            response = await self._request("POST", f"/offers/{offer_id}/decline", json={"reason": "busy"})
            self._agents.actions[f"declined {response.status_code}"] += 1
        elif chance < IGNORED + DECLINED + SIGNED_OFF:
            self._agents.actions["signed off"] += 1
            await self._request("PUT", "/agents/me/presence", json={"presence": "offline"})
            await asyncio.sleep(self._agents.chance() * 5)
            await self._sign_in()
        else:
            response = await self._request("POST", f"/offers/{offer_id}/accept")
            self._agents.actions[f"accepted {response.status_code}"] += 1
            if response.is_success:
                self._agents.accepted.add((self._name, UUID(offer["work"]["work_item_id"])))
                return offer["work"]
            # The replica may have died after the commit of an earlier accept and before its response.
            problem = response.json()
            if (problem.get("state"), problem.get("agent_id")) == ("accepted", self._name):
                return offer["work"]
        return None

    async def _complete(self, work: UUID, case: UUID) -> None:
        if work in self._answered:
            return
        await asyncio.sleep(self._agents.chance())
        if self._agents.chance() < ANSWERED:
            self._answered.add(work)
            await self._agents.answer(case, self._name)
            self._agents.actions["answered"] += 1
        else:
            reason = {"reason": "resolved by a call"}
            response = await self._request("POST", f"/work/{work}/complete", json=reason)
            self._agents.actions[f"completed {response.status_code}"] += 1

    async def _request(self, verb: str, path: str, **options: Any) -> httpx.Response:
        return await self._agents.request(self._http, self._name, verb, path, **options)
