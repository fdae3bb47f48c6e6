"""Customers who send messages through the real entry points, and the ledger of the messages that these accepted.

A plan is made from a seed. Each customer uses one channel and sends each message after the one before was accepted. A message
that was refused for now, or whose response was lost, is sent again as its channel does. The ledger does not read the system's
records.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Literal, NamedTuple, Self

import aiosmtplib
import httpx

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from deploy.morning import bluesky
from deploy.services import SOCIAL_HANDLE
from deploy.stack import Stack

Channel = Literal["email", "direct", "social"]
SUBJECTS = (
    "Rates notice",
    "Pothole in Fern Street",
    "Building permit",
    "Street light",
    "Payment plan",
    "A question",
)
WORDS = (
    "I would like to know when somebody will look at this, since it has been like this for a while now. The street is "
    "dark in the evening and my neighbours have asked about it too. Thank you for your help."
)
PAUSE_S = 0.2
RETRIED = (OSError, httpx.TransportError, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError)


class Message(NamedTuple):
    """A message of the plan: its `number`, its `place` among the customer's messages, the number of the message that it `answers`."""

    number: int
    customer: int
    place: int
    channel: Channel
    answers: int | None

    @property
    def token(self) -> str:
        """A word that is in this message and in no other."""
        return f"m{self.number:07}x"


@dataclass
class Ledger:
    """The accepted messages by customer, in their order. `resent` counts the repeated attempts by channel."""

    run: str
    accepted: dict[int, list[Message]] = field(default_factory=dict[int, list[Message]])
    resent: Counter[str] = field(default_factory=Counter[str])

    def add(self, message: Message) -> None:
        """Adds a message that its entry point accepted."""
        self.accepted.setdefault(message.customer, []).append(message)

    @property
    def count(self) -> int:
        """How many messages were accepted."""
        return sum(len(messages) for messages in self.accepted.values())

    def identifier(self, customer: int) -> str:
        """The identifier (`kind:value`) of a customer who does not post."""
        message = self.accepted[customer][0]
        if message.channel == "email" or direct_channel(customer) == "web":
            return f"email:{address(self.run, customer)}"
        return f"phone:{phone(self.run, customer)}"


def address(run: str, customer: int) -> str:
    """The mail address of a customer."""
    return f"c{customer}.{run}@mail.example"


def phone(run: str, customer: int) -> str:
    """The phone number of a customer. No two runs share one: a message of a known number would join a case of the run before."""
    return f"+49{1_000_000 + int(run, 16) % 9_000_000}{customer:06}"


def plan(
    count: int, customers: int, seed: int, *, replies: float = 0.3, social: float = 0.1, email: float = 0.4
) -> list[Message]:
    """`count` messages of `customers` customers. The share `replies` of them answers the customer's message before.

    The share `email` of the customers sends mails, the share `social` posts; the others call, write letters, visit or use a form.
    """
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret
    channels: list[Channel] = [
        "email" if (r := dice.random()) < email else "social" if r < email + social else "direct"
        for _ in range(customers)
    ]
    numbers_of: dict[int, list[int]] = {}
    messages: list[Message] = []
    for number in range(count):
        customer = dice.randrange(customers)
        own = numbers_of.setdefault(customer, [])
        answers = own[-1] if own and dice.random() < replies * count / max(1, count - customers) else None
        messages.append(Message(number, customer, len(own), channels[customer], answers))
        own.append(number)
    return messages


def text_of(message: Message) -> str:
    """The text of a message, about 400 characters."""
    dice = random.Random(message.number)  # noqa: S311
    return f"{message.token} {' '.join(dice.choices(WORDS.split(), k=70))}"


def mail_of(run: str, message: Message) -> EmailMessage:
    """The message as a mail."""
    mail = EmailMessage()
    mail["From"] = f"Customer {message.customer} <{address(run, message.customer)}>"
    mail["To"] = "council@banksia.example"
    mail["Subject"] = f"{SUBJECTS[message.number % len(SUBJECTS)]} {message.answers or message.number}"
    mail["Date"] = format_datetime(utc_now())
    mail["Message-ID"] = f"<{message.token}.{run}@mail.example>"
    if message.answers is not None:
        mail["In-Reply-To"] = mail["References"] = f"<m{message.answers:07}x.{run}@mail.example>"
    mail.set_content(text_of(message))
    return mail


def direct_channel(customer: int) -> str:
    """The channel of a customer of ingest-direct."""
    return ("phone", "letter", "visit", "web")[customer % 4]


def note_of(run: str, message: Message) -> dict[str, Any]:
    """The message as ingest-direct gets it: a call, letter or visit with the customer's number, or a form with the address."""
    channel = direct_channel(message.customer)
    identifier = (
        {"email": address(run, message.customer)}
        if channel == "web"
        else {"phone": phone(run, message.customer)}
    )
    return {
        "channel": channel,
        "speaker": {"name": f"Customer {message.customer}", **identifier},
        "subject": None if message.answers is not None else SUBJECTS[message.number % len(SUBJECTS)],
        "text": text_of(message),
    }


def note_tokens(stack: Stack, run: str) -> dict[str, str]:
    """Tokens by channel: an agent notes calls, letters and visits, an integration sends forms."""
    agent, integration = stack.token(Role.AGENT, f"notes-{run}"), stack.token(Role.INTEGRATION, f"load-{run}")
    return {"phone": agent, "letter": agent, "visit": agent, "web": integration}


class Customers:
    """Sends the messages of customers to the entry points of a stack, with `senders` at work at once.

    An entry point that does not respond within `timeout_s` gets the message again; with several `replicas` the next one gets it.
    """

    def __init__(
        self, stack: Stack, run: str, senders: int = 16, *, timeout_s: float = 60, replicas: int = 1
    ) -> None:
        self._stack = stack
        self._senders = senders
        self._timeout_s = timeout_s
        self._replicas = replicas
        self._turn = 0
        self._mails: dict[int, EmailMessage] = {}
        self.ledger = Ledger(run)
        self._tokens = note_tokens(stack, run)
        self._http = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))
        self._smtp: dict[int, aiosmtplib.SMTP] = {}
        self._accounts: dict[int, bluesky.Account] = {}
        self._posts: dict[int, dict[str, str]] = {}
        self._council = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._smtp.values():
            client.close()
        await self._http.aclose()

    async def sign_in(self, messages: Sequence[Message]) -> None:
        """Creates the accounts of the customers who post."""
        self._council = await bluesky.did_of(self._http, self._stack.pds.url, SOCIAL_HANDLE)
        for customer in sorted({m.customer for m in messages if m.channel == "social"}):
            if customer not in self._accounts:
                handle = f"c{customer}-{self.ledger.run}.test"
                self._accounts[customer] = await bluesky.sign_in(
                    self._http, self._stack.pds.url, handle, "a password of the load"
                )

    async def send_all(self, messages: Sequence[Message], per_second: float | None = None) -> None:
        """Sends all messages: as fast as the entry points accept them, or each at its time with `per_second`."""
        await self.sign_in(messages)
        shares: list[list[Message]] = [[] for _ in range(self._senders)]
        for message in messages:
            shares[message.customer % self._senders].append(message)
        first = messages[0].number if messages else 0
        began = asyncio.get_running_loop().time()

        async def work(sender: int, share: list[Message]) -> None:
            for message in share:
                if per_second is not None:
                    due = began + (message.number - first) / per_second
                    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                await self.send(message, sender)

        await asyncio.gather(*(work(sender, share) for sender, share in enumerate(shares)))

    async def send(self, message: Message, sender: int = 0) -> None:
        """Sends one message until its entry point has accepted it."""
        attempt = {"email": self._mail, "direct": self._note, "social": self._post}[message.channel]
        while not await attempt(message, sender):
            self.ledger.resent[message.channel] += 1
            self._turn += 1
            await asyncio.sleep(PAUSE_S)
        self.ledger.add(message)
        self._mails.pop(message.number, None)

    def identifier(self, customer: int) -> str:
        """The identifier (`kind:value`) of a customer who has sent a message."""
        account = self._accounts.get(customer)
        return f"did:{account.did}" if account else self.ledger.identifier(customer)

    @property
    def _replica(self) -> int:
        return self._turn % self._replicas + 1

    async def _mail(self, message: Message, sender: int) -> bool:
        client = self._smtp.get(sender)
        try:
            if client is None or not client.is_connected:
                port = self._stack.smtp_port(replica=self._replica)
                client = aiosmtplib.SMTP(
                    hostname="127.0.0.1", port=port, timeout=self._timeout_s, start_tls=False
                )
                await client.connect()
                self._smtp[sender] = client
            # The same bytes in each attempt, as a mail server does.
            mail = self._mails.setdefault(message.number, mail_of(self.ledger.run, message))
            await client.send_message(mail)
        except (*RETRIED, aiosmtplib.SMTPConnectError):
            if broken := self._smtp.pop(sender, None):
                broken.close()
            return False
        except aiosmtplib.SMTPResponseException as error:
            if error.code >= 500:
                raise
            return False
        return True

    async def _note(self, message: Message, _sender: int) -> bool:
        run = self.ledger.run
        token = self._tokens[direct_channel(message.customer)]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{run}-{message.token}"}
        url = f"{self._stack.url('ingest-direct', replica=self._replica)}/interactions"
        try:
            answer = await self._http.post(
                url, json=note_of(run, message), headers=headers, timeout=self._timeout_s
            )
        except RETRIED:
            return False
        if answer.status_code >= 500:
            return False
        answer.raise_for_status()
        return True

    async def _post(self, message: Message, _sender: int) -> bool:
        account = self._accounts[message.customer]
        text = f"@{SOCIAL_HANDLE} {text_of(message)}"[:290]
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post", "text": text, "langs": ["en"],
            "facets": bluesky.mention(text, SOCIAL_HANDLE, self._council),
            "createdAt": utc_now().isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        first = self._posts.get(message.customer)
        if message.answers is not None and first is not None:
            record["reply"] = {"root": first, "parent": first}
        try:
            answer = await self._http.post(
                f"{self._stack.pds.url}/xrpc/com.atproto.repo.createRecord",
                headers={"Authorization": f"Bearer {account.token}"},
                json={"repo": account.did, "collection": "app.bsky.feed.post", "record": record},
            )
        except RETRIED:
            return False
        answer.raise_for_status()
        created = answer.json()
        if message.answers is None:
            self._posts[message.customer] = {"uri": created["uri"], "cid": created["cid"]}
        return True
