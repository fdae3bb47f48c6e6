"""Agents who work through the API alone: they come, are heard of, take, decline or let pass, complete, go and come back."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import httpx

from antiphon.access.roles import Role
from deploy.stack import Stack
from tests.faults.rush.items import Items

HEARD_EVERY_S = 20.0
PATIENCE_S, PAUSE_S = 30.0, 0.3
HANDS = 24
DECLINES, PASSES, LEAVES, ANSWERS = 0.04, 0.01, 0.005, 0.2
"""The shares of offers that are declined, let pass, and left with all other work; and of work that an answer completes."""


class People:
    """The agents of a stack with `replicas` of routing; a bell says who has something to look at."""

    def __init__(
        self, stack: Stack, agents: Iterable[str], items: Items, dice: random.Random, replicas: int
    ) -> None:
        self._urls = [stack.url("routing", replica=n) for n in range(1, replicas + 1)]
        self._tokens = {agent: stack.token(Role.AGENT, agent) for agent in agents}
        self._bells = {agent: asyncio.Event() for agent in self._tokens}
        self._forgot: set[str] = set()
        self._at = {agent: n for n, agent in enumerate(self._tokens)}
        self._items = items
        self._dice = dice
        self._hands = asyncio.Semaphore(HANDS)
        self._over = asyncio.Event()
        self.told_yes: set[tuple[str, UUID]] = set()
        self.did: Counter[str] = Counter()

    def ring(self, offered: Iterable[str], forgot: Iterable[str] = ()) -> None:
        """These have a new offer, and those work that they do not seem to know of."""
        self._forgot |= set(forgot)
        for agent in {*offered, *self._forgot}:
            self._bells[agent].set()

    def stop(self) -> None:
        """Nothing is left to do."""
        self._over.set()
        self.ring(self._bells)

    async def run(self) -> None:
        """Works until `stop`."""
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            await asyncio.gather(*(_Agent(self, http, agent).work() for agent in self._tokens))

    async def ask(
        self, http: httpx.AsyncClient, agent: str, verb: str, path: str, **given: Any
    ) -> httpx.Response:
        """The answer of a replica that is there; what failed or was not answered is asked again at the next one."""
        while True:
            url = self._urls[self._at[agent] % len(self._urls)] + path
            try:
                async with self._hands:
                    answer = await http.request(
                        verb, url, headers={"Authorization": f"Bearer {self._tokens[agent]}"}, **given
                    )
                if answer.status_code < 500:
                    return answer
                self.did[f"{answer.status_code}"] += 1
            except (httpx.TransportError, OSError):
                self.did["unanswered"] += 1
            self._at[agent] += 1
            await asyncio.sleep(PAUSE_S)

    async def answer(self, case_id: UUID, agent: str) -> None:
        """An answer, which case-mgmt tells of."""
        await self._items.answered(case_id, agent)

    def chance(self) -> float:
        """Of the dice."""
        return self._dice.random()

    async def rung(self, agent: str, within: float) -> bool:
        """Whether the bell rings within so many seconds."""
        try:
            await asyncio.wait_for(self._bells[agent].wait(), max(0.0, within))
        except TimeoutError:
            return False
        self._bells[agent].clear()
        return True

    def forgot(self, agent: str) -> bool:
        """Whether they are to look for work of theirs; asked once."""
        found = agent in self._forgot
        self._forgot.discard(agent)
        return found

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self._over.is_set()


class _Agent:
    """One of them. What they hold they learn from the API, also when it took work for them and did not get to say so."""

    def __init__(self, people: People, http: httpx.AsyncClient, name: str) -> None:
        self._people = people
        self._http = http
        self._name = name
        self._passed: set[str] = set()
        self._answered: set[UUID] = set()
        self._heard = 0.0

    async def work(self) -> None:
        await self._come()
        loop = asyncio.get_running_loop()
        while not self._people.over:
            if not await self._people.rung(self._name, self._heard + HEARD_EVERY_S - loop.time()):
                await self._be_heard()
                continue
            mine = [await self._decide(offer) for offer in await self._list("/offers/me")]
            if self._people.forgot(self._name):
                mine += await self._list("/work?assignee=me&state=accepted")
            for work in mine:
                if work is not None:
                    await self._do(UUID(work["work_item_id"]), UUID(work["case_id"]))

    async def _list(self, path: str) -> Sequence[Any]:
        answer = await self._ask("GET", path)
        answer.raise_for_status()
        items: Sequence[Any] = answer.json()["items"]
        return items

    async def _come(self) -> None:
        (await self._ask("PUT", "/agents/me/presence", json={"presence": "available"})).raise_for_status()

    async def _be_heard(self) -> None:
        self._heard = asyncio.get_running_loop().time()
        stands = (await self._ask("POST", "/agents/me/heartbeat")).json()["presence"]
        if stands != "available":
            self._people.did[f"found {stands}"] += 1
            await self._come()

    async def _decide(self, offer: Any) -> Any:
        """The work, if they have it now."""
        number, chance = offer["offer_id"], self._people.chance()
        if number in self._passed:
            return None
        if chance < PASSES:
            self._passed.add(number)
            self._people.did["passed"] += 1
        elif chance < PASSES + DECLINES:
            answer = await self._ask("POST", f"/offers/{number}/decline", json={"reason": "busy"})
            self._people.did[f"declined {answer.status_code}"] += 1
        elif chance < PASSES + DECLINES + LEAVES:
            self._people.did["left"] += 1
            await self._ask("PUT", "/agents/me/presence", json={"presence": "offline"})
            await asyncio.sleep(self._people.chance() * 5)
            await self._come()
        else:
            answer = await self._ask("POST", f"/offers/{number}/accept")
            self._people.did[f"accepted {answer.status_code}"] += 1
            if answer.is_success:
                self._people.told_yes.add((self._name, UUID(offer["work"]["work_item_id"])))
            # The first answer may have been lost with the replica that gave it.
            told = {} if answer.is_success else answer.json()
            if answer.is_success or (told.get("state"), told.get("agent_id")) == ("accepted", self._name):
                return offer["work"]
        return None

    async def _do(self, work: UUID, case: UUID) -> None:
        if work in self._answered:
            return
        await asyncio.sleep(self._people.chance())
        if self._people.chance() < ANSWERS:
            self._answered.add(work)
            await self._people.answer(case, self._name)
            self._people.did["answered"] += 1
        else:
            answer = await self._ask("POST", f"/work/{work}/complete", json={"reason": "a call settled it"})
            self._people.did[f"completed {answer.status_code}"] += 1

    async def _ask(self, verb: str, path: str, **given: Any) -> httpx.Response:
        return await self._people.ask(self._http, self._name, verb, path, **given)
