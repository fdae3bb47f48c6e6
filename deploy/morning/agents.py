"""The agents of the morning: each accepts offers, reads the case and answers, through the APIs as an agent desktop does."""

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
    """An answered message, with what the services said about its case and its work."""

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


class Agents:
    """The agents of the organisation, on a running stack. `messages` are those of the story, by the id of their channel.

    `continued` has the ids of messages that another message continues: an agent reads such a message and does not answer it yet.
    `read_in` has by message the name of the queue in which an agent read it.
    """

    def __init__(
        self, stack: Stack, http: httpx.AsyncClient, messages: dict[str, Message], continued: set[str]
    ) -> None:
        self._continued = continued
        self.read_in: dict[str, str] = {}
        self._stack = stack
        self._http = http
        self._messages = messages
        self._agents: list[Json] = []
        self._tokens: dict[str, str] = {}
        self._declined: dict[str, str] = {}

    async def sign_in(self) -> None:
        """Sets the presence of all agents to available."""
        answer = await self._call("GET", "routing", "/agents", self._stack.token(Role.SUPERVISOR, "morning"))
        self._agents = answer.json()["items"]
        for agent in self._agents:
            self._tokens[agent["agent_id"]] = self._stack.token(
                Role.AGENT, agent["name"], subject=agent["agent_id"]
            )
        await self._set_presence("available")

    async def sign_off(self) -> None:
        """Sets the presence of all agents to offline; unanswered work stays in its queue."""
        await self._set_presence("offline")

    async def _set_presence(self, presence: str) -> None:
        for token in self._tokens.values():
            await self._call("PUT", "routing", "/agents/me/presence", token, json={"presence": presence})

    async def work(self) -> list[Answered]:
        """Each agent accepts their offers and answers them once; returns the answered messages."""
        answered: list[Answered] = []
        for agent in self._agents:
            token = self._tokens[agent["agent_id"]]
            offers = (await self._call("GET", "routing", "/offers/me", token)).json()["items"]
            for offer in offers:
                answer = await self._handle(agent, token, offer)
                if answer:
                    answered.append(answer)
        return answered

    async def _handle(self, agent: Json, token: str, offer: Json) -> Answered | None:
        whole = await self._call("GET", "case-mgmt", f"/cases/{offer['work']['case_id']}", token)
        case = whole.json()
        message = self._newest(case)
        if message is not None and message.id in self._continued:
            self.read_in[message.id] = offer["work"]["queue"]
            return None
        if message is None or message.answer is None:
            # A case that is not of the story: people handle it.
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
        headers = {"Idempotency-Key": f"accept-{offer['offer_id']}"}
        accepted = await self._call(
            "POST", "routing", f"/offers/{offer['offer_id']}/accept", token, headers=headers, ok={409}
        )
        if accepted.status_code == 409:
            return None
        work = (await self._call("GET", "routing", f"/work/{offer['work']['work_item_id']}", token)).json()
        headers = {"If-Match": whole.headers["ETag"], "Idempotency-Key": str(uuid4())}
        reply = await self._call(
            "POST", "case-mgmt", f"/cases/{offer['work']['case_id']}/replies", token, headers=headers,
            json={"text": message.answer.strip()}, ok={412},
        )  # fmt: skip
        if reply.status_code == 412:  # the customer wrote again after the agent read the case
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
            rule=work["decided_because"] if work["decision"] is None else work["decision"]["rule"],
            queue=work["queue"],
            steps=work["step"],
            agent=agent["name"],
            declined_by=self._declined.get(message.id),
            due_at=work["due_at"],
            reply_id=reply.json()["reply_id"],
        )

    def _newest(self, case: Json) -> Message | None:
        written = [i["interaction"] for i in case["interactions"] if i["interaction"]["automation"] == "none"]
        newest = max(written, key=lambda i: i["accepted_at"], default=None)
        return self._messages.get(newest["thread"]["native_id"]) if newest else None

    async def confirm_sent(self, answered: Answered) -> bool:
        """Reports that the customer has the answer, by call, letter or in person. False while ingest-direct does not have the reply yet."""
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
