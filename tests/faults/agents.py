"""Agents who answer, and the ledger of their answers: kept by this side alone, from what the API said yes to."""

import asyncio
import contextlib
import random
import re
from typing import Any, NamedTuple

import httpx

from antiphon.access.roles import Role
from deploy.stack import Stack
from tests.load.desks import name

TOKEN = re.compile(r"m[0-9]{7}x")
PAUSE_S = 0.3
PATIENCE_S = 5
HERE_EVERY_S = 5


class Answer(NamedTuple):
    """An answer that was taken: by its token, on which channel, to which message of a customer, when (loop time)."""

    token: str
    channel: str
    message: str
    at: float


class Staff:
    """`count` agents who take what they are offered and answer it, each at most every `every_s` seconds.

    Answers carry tokens from `first` on. What was refused or whose fate is unknown is tried again with the same key.
    """

    def __init__(self, stack: Stack, count: int, first: int, every_s: float, replicas: int = 1) -> None:
        self._stack = stack
        self._tokens = {name(n): stack.token(Role.AGENT, name(n)) for n in range(count)}
        self._next = first
        self._every_s = every_s
        self._replicas = replicas
        self._turn = 0
        self._enough = asyncio.Event()
        self.ledger: list[Answer] = []

    def stop(self) -> None:
        """Each finishes the answer in hand."""
        self._enough.set()

    async def run(self) -> None:
        """Works until `stop`."""
        async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
            await asyncio.gather(*(self._work(http, agent) for agent in self._tokens))

    async def _work(self, http: httpx.AsyncClient, agent: str) -> None:
        loop = asyncio.get_running_loop()
        here = 0.0
        while not self._enough.is_set():
            if loop.time() - here > HERE_EVERY_S:
                # Again and again: who does not answer an offer in time is taken for away.
                at = "/agents/me/presence"
                await self._ask(http, agent, "PUT", "routing", at, json={"presence": "available"})
                here = loop.time()
            answer = await self._ask(http, agent, "GET", "routing", "/offers/me")
            for offer in answer.json()["items"] if answer is not None and answer.is_success else []:
                await self._take(http, agent, offer)
                if self._enough.is_set():
                    break
            with contextlib.suppress(TimeoutError):
                pause = self._every_s * random.uniform(0.5, 1.5)  # noqa: S311
                await asyncio.wait_for(self._enough.wait(), pause)
        await self._until(http, agent, "PUT", "routing", "/agents/me/presence", json={"presence": "offline"})

    async def _take(self, http: httpx.AsyncClient, agent: str, offer: dict[str, Any]) -> None:
        taken = await self._until(http, agent, "POST", "routing", f"/offers/{offer['offer_id']}/accept")
        mine = taken.is_success or (taken.status_code == 409 and taken.json().get("agent_id") == agent)
        if mine:
            await self._answer(http, agent, offer["work"]["case_id"])

    async def _answer(self, http: httpx.AsyncClient, agent: str, case_id: str) -> None:
        token, self._next = f"a{self._next:07}x", self._next + 1
        told: str | None = None
        while True:
            seen = await self._until(http, agent, "GET", "case-mgmt", f"/cases/{case_id}")
            seen.raise_for_status()
            heard = max(seen.json()["interactions"], key=lambda i: i["interaction"]["accepted_at"])[
                "interaction"
            ]
            message = TOKEN.search(heard["content"]["text"])
            told = told or f"{token} is the answer to {message[0] if message else 'you'}"
            answer = await self._until(
                http, agent, "POST", "case-mgmt", f"/cases/{case_id}/replies", json={"text": told},
                headers={"If-Match": seen.headers["ETag"], "Idempotency-Key": token},
            )  # fmt: skip
            if answer.status_code != 412:  # the customer has spoken meanwhile: read again
                break
        answer.raise_for_status()
        now = asyncio.get_running_loop().time()
        self.ledger.append(Answer(token, heard["channel"], message[0] if message else "", now))

    async def _until(self, http: httpx.AsyncClient, *given: Any, **more: Any) -> httpx.Response:
        while True:
            answer = await self._ask(http, *given, **more)
            if answer is not None and answer.status_code < 500:
                return answer
            self._turn += 1
            await asyncio.sleep(PAUSE_S)

    async def _ask(
        self, http: httpx.AsyncClient, agent: str, verb: str, service: str, path: str, *,
        json: dict[str, Any] | None = None, headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:  # fmt: skip
        url = self._stack.url(service, replica=self._turn % self._replicas + 1) + path
        mine = {"Authorization": f"Bearer {self._tokens[agent]}", **(headers or {})}
        try:
            return await http.request(verb, url, json=json, headers=mine)
        except (httpx.TransportError, OSError):
            return None
