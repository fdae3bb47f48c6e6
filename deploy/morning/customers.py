"""The customers of the morning: they send messages through the real channels and look for the answers there."""

import asyncio
from datetime import datetime
from email.message import EmailMessage
from uuid import uuid4

import httpx

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from deploy.keys import secret
from deploy.morning import bluesky, mailbox
from deploy.morning.story import Message, Story
from deploy.services import SOCIAL_HANDLE
from deploy.stack import Stack

DIRECT = {"phone", "letter", "visit", "web"}


class Customers:
    """The customers of a story, on a running stack.

    `messages` has the sent messages by the id that their channel gave them, `native_ids` has these ids by message id.
    """

    def __init__(self, stack: Stack, story: Story, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self._story = story
        self._http = http
        self._accounts: dict[str, bluesky.Account] = {}
        self._council = ""
        self.messages: dict[str, Message] = {}
        self.native_ids: dict[str, str] = {}
        self._replies: dict[str, EmailMessage] = {}

    async def sign_in(self) -> None:
        """Signs each customer with a handle in at the PDS."""
        pds = self._stack.pds.url
        for key, customer in self._story.customers.items():
            if customer.handle:
                password = secret(self._stack.site.secrets, f"bluesky-{key}", length=12)
                self._accounts[key] = await bluesky.sign_in(self._http, pds, customer.handle, password)
        self._council = await bluesky.did_of(self._http, pds, SOCIAL_HANDLE)

    async def send(self, message: Message) -> None:
        """Sends a message on its channel. Raises the error of the channel's client when the channel refuses it."""
        if message.channel == "email":
            native = await self._mail(message)
        elif message.channel == "social":
            account = self._accounts[message.by]
            facets = bluesky.mention(message.text, SOCIAL_HANDLE, self._council)
            native = await bluesky.post(
                self._http, self._stack.pds.url, account, message.text, facets, utc_now()
            )
        else:
            native = await self._note(message)
        self.messages[native] = message
        self.native_ids[message.id] = native

    async def _mail(self, message: Message) -> str:
        who = self._story.customers[message.by]
        message_id = f"<{uuid4()}@mail.example>"
        before = self._replies.get(message.replies_to or "")
        to = str(before["Reply-To"] or before["From"]) if before else str(message.to)
        to = to.rpartition("<")[2].rstrip(">")
        mail = mailbox.compose(
            sender=str(who.email),
            name=who.name,
            to=to,
            subject=str(before["Subject"]) if before else str(message.subject),
            text=message.text,
            message_id=message_id,
            now=utc_now(),
            answers=before,
            headers=message.headers,
            charset=message.charset,
        )
        await mailbox.send("127.0.0.1", self._stack.site.ports.smtp, sender=str(who.email), to=to, mail=mail)
        return message_id

    async def _note(self, message: Message) -> str:
        who = self._story.customers[message.by]
        if message.noted_by:
            token = self._stack.token(Role.AGENT, message.noted_by)
        else:
            token = self._stack.token(Role.INTEGRATION, "web-form")
        headers = {"Authorization": f"Bearer {token}"}
        url = self._stack.url("ingest-direct")
        files: list[str] = []
        if message.attachment:
            scan = {"file": (message.attachment, message.text.encode(), "text/plain")}
            upload = await self._http.post(f"{url}/attachments", headers=headers, files=scan)
            upload.raise_for_status()
            files = [upload.json()["attachment_id"]]
        speaker = {"name": who.name, "phone": who.phone, "email": who.email, "account_number": who.account}
        noted = await self._http.post(
            f"{url}/interactions",
            headers=headers | {"Idempotency-Key": str(uuid4())},
            json={
                "channel": message.channel,
                "speaker": {name: value for name, value in speaker.items() if value},
                "subject": message.subject,
                "text": message.text,
                "attachments": files,
            },
        )
        noted.raise_for_status()
        return f"{message.channel}:{noted.json()['interaction_id']}"

    async def answer_seen(self, message: Message) -> str | None:
        """Where the customer sees the answer, for people; None until it has arrived."""
        native = self.native_ids.get(message.id)
        if native is None:
            return None
        if message.channel == "email":
            address = str(self._story.customers[message.by].email)
            box = mailbox.Mailbox(
                address, self._stack.mail.password(address), "127.0.0.1", self._stack.mail.imap_port
            )
            mail = await box.answer_to(native)
            if mail is None:
                return None
            self._replies[message.id] = mail
            return f"in {address}, threaded"
        if message.channel == "social":
            replies = await bluesky.answers_to(self._http, self._stack.pds.url, self._council, native)
            return "in public, below the post" if replies else None
        answer = await self._http.get(
            f"{self._stack.url('ingest-direct')}/interactions/{native.partition(':')[2]}",
            headers={"Authorization": f"Bearer {self._stack.token(Role.SUPERVISOR, 'morning')}"},
        )
        answer.raise_for_status()
        delivery = {
            "phone": "called back",
            "letter": "by letter",
            "visit": "at the desk",
            "web": "by the form's mail",
        }
        return delivery[message.channel] if answer.json()["answered"] else None


async def pause_before(deadline: datetime) -> bool:
    """Waits a moment; False when the deadline has passed."""
    await asyncio.sleep(0.3)
    return utc_now() < deadline
