"""Agents who answer, and the ledger of the answers that the API accepted. The ledger does not read the system's records."""

import asyncio
import contextlib
import random
import re
from typing import Any, NamedTuple

import httpx

from antiphon.access.roles import Role
from deploy.stack import Stack
from tests.load.agents import agent_id

TOKEN = re.compile(r"m[0-9]{7}x")
PAUSE_S = 0.3
PATIENCE_S = 5
PRESENCE_EVERY_S = 5


class Answer(NamedTuple):
    """An accepted answer: its token, its channel, the token of the message that it answers, when (loop time)."""

    token: str
    channel: str
    message: str
    at: float


class Agents:
    """`count` agents who accept their offers and answer, each about every `every_s` seconds.

    The tokens of answers have numbers from `first` on. A request that fails or whose outcome is unknown is sent again with the
    same Idempotency-Key.
    """

    def __init__(self, stack: Stack, count: int, first: int, every_s: float, replicas: int = 1) -> None:
        self._stack = stack
        self._tokens = {agent_id(n): stack.token(Role.AGENT, agent_id(n)) for n in range(count)}
        self._next = first
        self._every_s = every_s
        self._replicas = replicas
        self._turn = 0
        self._stopped = asyncio.Event()
        self.ledger: list[Answer] = []

    def stop(self) -> None:
        """Stops each agent after the answer in progress."""
        self._stopped.set()

    async def run(self) -> None:
        """Answers until `stop`."""
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            await asyncio.gather(*(self._work(http, agent) for agent in self._tokens))

    async def _work(self, http: httpx.AsyncClient, agent: str) -> None:
        loop = asyncio.get_running_loop()
        presence_set = 0.0
        while not self._stopped.is_set():
            if loop.time() - presence_set > PRESENCE_EVERY_S:
                # Repeatedly: routing sets an agent who misses two offers to not-responding.
                path = "/agents/me/presence"
                await self._request(http, agent, "PUT", "routing", path, json={"presence": "available"})
                presence_set = loop.time()
            response = await self._request(http, agent, "GET", "routing", "/offers/me")
            for offer in response.json()["items"] if response is not None and response.is_success else []:
                await self._handle(http, agent, offer)
                if self._stopped.is_set():
                    break
            with contextlib.suppress(TimeoutError):
                pause = self._every_s * random.uniform(0.5, 1.5)  # noqa: S311
                await asyncio.wait_for(self._stopped.wait(), pause)
        path = "/agents/me/presence"
        await self._until_answered(http, agent, "PUT", "routing", path, json={"presence": "offline"})

    async def _handle(self, http: httpx.AsyncClient, agent: str, offer: dict[str, Any]) -> None:
        path, key = f"/offers/{offer['offer_id']}/accept", {"Idempotency-Key": offer["offer_id"]}
        if (await self._until_answered(http, agent, "POST", "routing", path, headers=key)).is_success:
            await self._answer(http, agent, offer["work"]["case_id"])

    async def _answer(self, http: httpx.AsyncClient, agent: str, case_id: str) -> None:
        token, self._next = f"a{self._next:07}x", self._next + 1
        text: str | None = None
        while True:
            case = await self._until_answered(http, agent, "GET", "case-mgmt", f"/cases/{case_id}")
            case.raise_for_status()
            interactions = [row["interaction"] for row in case.json()["interactions"]]
            newest = max(interactions, key=lambda interaction: interaction["accepted_at"])
            message = TOKEN.search(newest["content"]["text"])
            text = text or f"{token} is the answer to {message[0] if message else 'you'}"
            reply = await self._until_answered(
                http, agent, "POST", "case-mgmt", f"/cases/{case_id}/replies", json={"text": text},
                headers={"If-Match": case.headers["ETag"], "Idempotency-Key": token},
            )  # fmt: skip
            if (
                reply.status_code != 412
            ):  # 412: the customer has written since, the agent reads the case again
                break
        reply.raise_for_status()
        now = asyncio.get_running_loop().time()
        self.ledger.append(Answer(token, newest["channel"], message[0] if message else "", now))

    async def _until_answered(self, http: httpx.AsyncClient, *arguments: Any, **more: Any) -> httpx.Response:
        while True:
            response = await self._request(http, *arguments, **more)
            if response is not None and response.status_code < 500:
                return response
            self._turn += 1
            await asyncio.sleep(PAUSE_S)

    async def _request(
        self, http: httpx.AsyncClient, agent: str, verb: str, service: str, path: str, *,
        json: dict[str, Any] | None = None, headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:  # fmt: skip
        url = self._stack.url(service, replica=self._turn % self._replicas + 1) + path
        headers = {"Authorization": f"Bearer {self._tokens[agent]}", **(headers or {})}
        try:
            return await http.request(verb, url, json=json, headers=headers)
        except (httpx.TransportError, OSError):
            return None
