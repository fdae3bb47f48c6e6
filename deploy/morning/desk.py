"""The agents' side of the morning: each takes offers, reads the case, answers, as a desktop would, by the APIs alone."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from antiphon.access.roles import Role
from deploy.morning.story import Message
from deploy.stack import Stack

Json = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """What the system said about a message when an agent answered it."""

    message: Message
    customer: str
    case_id: str
    case: str
    rule: str
    queue: str
    steps: int
    agent: str
    declined_by: str | None
    due_at: str | None
    reply_id: str


class Desk:
    """The agents of the organisation, on a running stack. `said` finds a message of the story by its native id.

    `continued` are the messages that their customers go on with: who is offered one reads it, and has not answered when they do.
    """

    def __init__(
        self, stack: Stack, http: httpx.AsyncClient, said: dict[str, Message], continued: set[str]
    ) -> None:
        self._continued = continued
        self.read: dict[str, str] = {}  # by message, the name of the queue in which it was offered
        self._stack = stack
        self._http = http
        self._said = said
        self._agents: list[Json] = []
        self._tokens: dict[str, str] = {}
        self._declined: dict[str, str] = {}

    async def sit_down(self) -> None:
        """Everybody becomes available."""
        answer = await self._call("GET", "routing", "/agents", self._stack.token(Role.SUPERVISOR, "morning"))
        self._agents = answer.json()["items"]
        for agent in self._agents:
            self._tokens[agent["agent_id"]] = self._stack.token(
                Role.AGENT, agent["name"], subject=agent["agent_id"]
            )
        await self._presence("available")

    async def go_home(self) -> None:
        """Everybody logs off; what is not answered stays in its queue."""
        await self._presence("offline")

    async def _presence(self, presence: str) -> None:
        for token in self._tokens.values():
            await self._call("PUT", "routing", "/agents/me/presence", token, json={"presence": presence})

    async def work(self) -> list[Answered]:
        """Everybody takes what they are offered and answers it; returns what was answered."""
        answered: list[Answered] = []
        for agent in self._agents:
            token = self._tokens[agent["agent_id"]]
            offers = (await self._call("GET", "routing", "/offers/me", token)).json()["items"]
            for offer in offers:
                done = await self._take(agent, token, offer)
                if done:
                    answered.append(done)
        return answered

    async def _take(self, agent: Json, token: str, offer: Json) -> Answered | None:
        whole = await self._call("GET", "case-mgmt", f"/cases/{offer['work']['case_id']}", token)
        case = whole.json()
        message = self._newest(case)
        if message is not None and message.id in self._continued:
            self.read[message.id] = offer["work"]["queue"]
            return None
        if message is None or message.answer is None:
            # Somebody else's case, not of the story: it is left to people.
            reason = {"reason": "not part of the example"}
            await self._call("POST", "routing", f"/offers/{offer['offer_id']}/decline", token, json=reason)
            return None
        if message.declined_by == agent["agent_id"]:
            self._declined[message.id] = agent["name"]
            reason = {"reason": "my own street: somebody else should look at it"}
            await self._call(
                "POST", "routing", f"/offers/{offer['offer_id']}/decline", token, json=reason, ok={409}
            )
            return None
        accepted = await self._call("POST", "routing", f"/offers/{offer['offer_id']}/accept", token, ok={409})
        if accepted.status_code == 409:
            return None
        work = (await self._call("GET", "routing", f"/work/{offer['work']['work_item_id']}", token)).json()
        headers = {"If-Match": whole.headers["ETag"], "Idempotency-Key": str(uuid4())}
        reply = await self._call(
            "POST", "case-mgmt", f"/cases/{offer['work']['case_id']}/replies", token, headers=headers,
            json={"text": message.answer.strip()}, ok={412},
        )  # fmt: skip
        if reply.status_code == 412:  # the customer spoke again while we read
            whole = await self._call("GET", "case-mgmt", f"/cases/{offer['work']['case_id']}", token)
            headers["If-Match"] = whole.headers["ETag"]
            reply = await self._call(
                "POST", "case-mgmt", f"/cases/{offer['work']['case_id']}/replies", token, headers=headers,
                json={"text": message.answer.strip()},
            )  # fmt: skip
        return Answered(
            message=message,
            customer=case["case"]["customer"]["name"] or "(no name)",
            case_id=case["case"]["case_id"],
            case=case["case"]["reference"],
            rule=work["decision"]["rule"],
            queue=work["queue"],
            steps=work["step"],
            agent=agent["name"],
            declined_by=self._declined.get(message.id),
            due_at=work["due_at"],
            reply_id=reply.json()["reply_id"],
        )

    def _newest(self, case: Json) -> Message | None:
        said = [i["interaction"] for i in case["interactions"] if i["interaction"]["automation"] == "none"]
        newest = max(said, key=lambda i: i["accepted_at"], default=None)
        return self._said.get(newest["thread"]["native_id"]) if newest else None

    async def hand_over(self, answered: Answered) -> bool:
        """Calls back, posts the letter, …: tells that the customer has the answer. False while it has not come."""
        token = self._stack.token(Role.AGENT, answered.agent)
        path = f"/replies/{answered.reply_id}/sent"
        done = await self._call("POST", "ingest-direct", path, token, json={}, ok={404})
        return done.is_success

    async def _call(
        self, verb: str, service: str, path: str, token: str, *,
        json: Json | None = None, headers: dict[str, str] | None = None, ok: set[int] | None = None,
    ) -> httpx.Response:  # fmt: skip
        answer = await self._http.request(
            verb,
            f"{self._stack.url(service)}{path}",
            json=json,
            headers={"Authorization": f"Bearer {token}", **(headers or {})},
        )
        if answer.status_code not in (ok or set()):
            answer.raise_for_status()
        return answer
