"""What people and systems do to a running stack, through its entry points alone."""

import smtplib
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import httpx
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from deploy.accounting import disagreements
from deploy.stack import Stack
from deploy.status import counts
from tests.support.waiting import until

Json = dict[str, Any]


class People:
    """Actions on a stack. Each test uses customers of its own, so that tests do not see each other's cases."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self.stack = stack
        self.http = http
        self.present: set[str] = set()

    async def ask(
        self, role: Role, who: str, verb: str, service: str, path: str, *,
        json: Json | None = None, headers: dict[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
        token = self.stack.token(role, who)
        return await self.http.request(
            verb, f"{self.stack.url(service)}{path}", json=json,
            headers={"Authorization": f"Bearer {token}", **(headers or {})},
        )  # fmt: skip

    async def see(self, service: str, path: str) -> Json:
        answer = await self.ask(Role.SUPERVISOR, "looker", "GET", service, path)
        answer.raise_for_status()
        body: Json = answer.json()
        return body

    async def presence(self, agent: str, presence: str) -> None:
        answer = await self.ask(
            Role.AGENT, agent, "PUT", "routing", "/agents/me/presence", json={"presence": presence}
        )
        answer.raise_for_status()
        (self.present.discard if presence == "offline" else self.present.add)(agent)

    async def offers(self, agent: str) -> list[Json]:
        answer = await self.ask(Role.AGENT, agent, "GET", "routing", "/offers/me")
        answer.raise_for_status()
        items: list[Json] = answer.json()["items"]
        return items

    async def accept(self, agent: str, offer: Json) -> httpx.Response:
        return await self.ask(Role.AGENT, agent, "POST", "routing", f"/offers/{offer['offer_id']}/accept")

    async def take(self, agent: str) -> Json:
        """Waits for an offer to the agent and accepts it; returns the work item."""
        offers = await until(lambda: self.offers(agent), what=f"an offer to {agent}")
        accepted = await self.accept(agent, offers[0])
        accepted.raise_for_status()
        work: Json = accepted.json()
        return work

    async def reply(self, agent: str, case_id: str, text: str, **more: str) -> httpx.Response:
        whole = await self.ask(Role.AGENT, agent, "GET", "case-mgmt", f"/cases/{case_id}")
        return await self.ask(
            Role.AGENT, agent, "POST", "case-mgmt", f"/cases/{case_id}/replies", json={"text": text, **more},
            headers={"If-Match": whole.headers["ETag"], "Idempotency-Key": str(uuid4())},
        )  # fmt: skip

    async def note(
        self,
        text: str,
        *,
        key: str | None = None,
        phone: str | None = None,
        name: str = "Jo",
        by: str = "bruno",
    ) -> httpx.Response:
        """An agent notes a phone call."""
        return await self.ask(
            Role.AGENT, by, "POST", "ingest-direct", "/interactions",
            json={"channel": "phone", "speaker": {"name": name, **({"phone": phone} if phone else {})}, "text": text},
            headers={"Idempotency-Key": key or str(uuid4())},
        )  # fmt: skip

    def mail(self, sender: str, text: str, *, to: str = "council@banksia.example", subject: str = "Question",
             message_id: str | None = None, headers: dict[str, str] | None = None, envelope: str | None = None) -> str:  # fmt: skip
        """Sends a mail through SMTP; returns its Message-ID."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, to, subject
        mail["Date"] = format_datetime(utc_now())
        mail["Message-ID"] = message_id or f"<{uuid4()}@mail.example>"
        for name, value in (headers or {}).items():
            mail[name] = value
        mail.set_content(text)
        self.raw_mail(envelope if envelope is not None else sender, to, mail.as_bytes())
        return str(mail["Message-ID"])

    def raw_mail(self, sender: str, to: str, mail: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", self.stack.site.ports.smtp, timeout=60) as server:
            server.sendmail(sender, [to], mail)

    async def customer(self, identifier: str) -> Json:
        """The customer with this identifier, once there is one."""

        async def matches() -> list[Json]:
            items: list[Json] = (await self.see("customer-profile", f"/customers?identifier={identifier}"))[
                "items"
            ]
            return items

        return (await until(matches, what=f"a customer {identifier}"))[0]

    async def timeline(self, identifier: str, at_least: int = 1) -> list[Json]:
        """The customer's interactions, once there are at least so many and all of them are on cases."""
        customer = await self.customer(identifier)

        async def enough() -> list[Json]:
            path = f"/customers/{customer['customer_id']}/timeline?limit=200"
            items: list[Json] = (await self.see("customer-profile", path))["items"]
            return items if len(items) >= at_least and all(item["case_id"] for item in items) else []

        return await until(enough, what=f"{at_least} interactions of {identifier} on cases")

    async def case(self, case_id: str) -> Json:
        return await self.see("case-mgmt", f"/cases/{case_id}")

    async def agree(self, within: float = 60) -> dict[str, Json]:
        """Waits until the counts of all services agree; returns them."""

        async def ask() -> dict[str, Json]:
            current = counts(self.stack.site)
            return {} if disagreements(current) else current

        return await until(ask, within, f"agreement of the counts ({disagreements(counts(self.stack.site))})")

    async def ask_raw(self, interaction_id: str) -> bytes:
        """The bytes of a mail as it was received."""
        answer = await self.ask(
            Role.SUPERVISOR, "looker", "GET", "ingest-email", f"/mails/{interaction_id}/raw"
        )
        answer.raise_for_status()
        return answer.content

    def answer_to(self, mailbox: str, message_id: str) -> EmailMessage | None:
        """The headers of the answer to `message_id` in a mailbox, None when there is none. The password is the address."""
        with IMAPClient("127.0.0.1", self.stack.mail.imap_port, ssl=False) as client:
            try:
                client.login(mailbox, mailbox)
            except LoginError:  # the server creates a mailbox with its first mail
                return None
            client.select_folder("INBOX", readonly=True)
            for data in client.fetch(client.search(), ["BODY.PEEK[HEADER]"]).values():
                header = data[b"BODY[HEADER]"]
                if not isinstance(header, bytes):
                    continue
                mail = BytesParser(EmailMessage, policy=default).parsebytes(header)
                if mail["In-Reply-To"] == message_id:
                    return mail
        return None
