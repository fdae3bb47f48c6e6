"""Customers who speak through the real doors, and the ledger of what the doors took: kept by this side alone.

A plan is made from a seed. Each customer speaks on one channel; what they say they say in order, each message once the
one before was taken; a message that was refused for now, or whose answer was lost, is said again as its channel would.
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
    """What a customer is going to say: `number` in the plan, `place` among the customer's own, `answers` an earlier one."""

    number: int
    customer: int
    place: int
    channel: Channel
    answers: int | None

    @property
    def token(self) -> str:
        """A word that stands in the message and nowhere else."""
        return f"m{self.number:07}x"


@dataclass
class Ledger:
    """What the doors took, by customer, in the order they took it. `tries` counts what had to be said again."""

    run: str
    taken: dict[int, list[Message]] = field(default_factory=dict[int, list[Message]])
    again: Counter[str] = field(default_factory=Counter[str])

    def add(self, message: Message) -> None:
        """The door said yes."""
        self.taken.setdefault(message.customer, []).append(message)

    @property
    def count(self) -> int:
        """How many messages were taken."""
        return sum(len(messages) for messages in self.taken.values())

    def speaker(self, customer: int) -> str:
        """The identifier by which the system knows a customer (`kind:value`); for social the handle's account."""
        message = self.taken[customer][0]
        if message.channel == "email" or noted_on(customer) == "web":
            return f"email:{address(self.run, customer)}"
        return f"phone:{phone(self.run, customer)}"


def address(run: str, customer: int) -> str:
    """A customer's mail address."""
    return f"c{customer}.{run}@mail.example"


def phone(run: str, customer: int) -> str:
    """A customer's number: no two runs share one, since a known number would join the case of the run before."""
    return f"+49{1_000_000 + int(run, 16) % 9_000_000}{customer:06}"


def plan(
    count: int, customers: int, seed: int, *, replies: float = 0.3, social: float = 0.1, email: float = 0.4
) -> list[Message]:
    """`count` messages of `customers` customers; a share of `replies` answers the customer's message before.

    Shares of customers: `email` by mail, `social` by posts, the others by calls, letters and forms.
    """
    dice = random.Random(seed)  # noqa: S311 - a plan, not a secret
    channels: list[Channel] = [
        "email" if (r := dice.random()) < email else "social" if r < email + social else "direct"
        for _ in range(customers)
    ]
    said: dict[int, list[int]] = {}
    messages: list[Message] = []
    for number in range(count):
        customer = dice.randrange(customers)
        own = said.setdefault(customer, [])
        answers = own[-1] if own and dice.random() < replies * count / max(1, count - customers) else None
        messages.append(Message(number, customer, len(own), channels[customer], answers))
        own.append(number)
    return messages


def words(message: Message) -> str:
    """What is said: about 400 characters."""
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
    mail.set_content(words(message))
    return mail


def noted_on(customer: int) -> str:
    """The channel of a customer who neither mails nor posts."""
    return ("phone", "letter", "visit", "web")[customer % 4]


def note_of(run: str, message: Message) -> dict[str, Any]:
    """The message as a noted call, letter or visit, known by the number, or as a form, known by the address."""
    channel = noted_on(message.customer)
    known_by = (
        {"email": address(run, message.customer)}
        if channel == "web"
        else {"phone": phone(run, message.customer)}
    )
    return {
        "channel": channel,
        "speaker": {"name": f"Customer {message.customer}", **known_by},
        "subject": None if message.answers is not None else SUBJECTS[message.number % len(SUBJECTS)],
        "text": words(message),
    }


def note_tokens(stack: Stack, run: str) -> dict[str, str]:
    """Who brings notes, by channel: a person of the staff notes calls, letters and visits, a system brings forms."""
    person, system = stack.token(Role.AGENT, f"notes-{run}"), stack.token(Role.INTEGRATION, f"load-{run}")
    return {"phone": person, "letter": person, "visit": person, "web": system}


class Doors:
    """Speaks for customers at the doors of a stack, with `hands` messages on their way at once.

    A door that has not answered after `patience_s` is spoken to again, with several `replicas` at the next one.
    """

    def __init__(
        self, stack: Stack, run: str, hands: int = 16, *, patience_s: float = 60, replicas: int = 1
    ) -> None:
        self._stack = stack
        self._hands = hands
        self._patience_s = patience_s
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
        """Makes the accounts of those who post."""
        self._council = await bluesky.did_of(self._http, self._stack.pds.url, SOCIAL_HANDLE)
        for customer in sorted({m.customer for m in messages if m.channel == "social"}):
            if customer not in self._accounts:
                handle = f"c{customer}-{self.ledger.run}.test"
                self._accounts[customer] = await bluesky.sign_in(
                    self._http, self._stack.pds.url, handle, "a password of the load"
                )

    async def say_all(self, messages: Sequence[Message], per_second: float | None = None) -> None:
        """Says everything: as fast as the doors take it, or each at its time when `per_second` is given."""
        await self.sign_in(messages)
        hands: list[list[Message]] = [[] for _ in range(self._hands)]
        for message in messages:
            hands[message.customer % self._hands].append(message)
        first = messages[0].number if messages else 0
        began = asyncio.get_running_loop().time()

        async def work(hand: int, own: list[Message]) -> None:
            for message in own:
                if per_second is not None:
                    due = began + (message.number - first) / per_second
                    await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                await self.say(message, hand)

        await asyncio.gather(*(work(hand, own) for hand, own in enumerate(hands)))

    async def say(self, message: Message, hand: int = 0) -> None:
        """Says one message until the door has taken it."""
        speak = {"email": self._mail, "direct": self._note, "social": self._post}[message.channel]
        while not await speak(message, hand):
            self.ledger.again[message.channel] += 1
            self._turn += 1
            await asyncio.sleep(PAUSE_S)
        self.ledger.add(message)
        self._mails.pop(message.number, None)

    def identifier(self, customer: int) -> str:
        """The identifier by which the system knows a customer who has spoken."""
        account = self._accounts.get(customer)
        return f"did:{account.did}" if account else self.ledger.speaker(customer)

    @property
    def _replica(self) -> int:
        return self._turn % self._replicas + 1

    async def _mail(self, message: Message, hand: int) -> bool:
        client = self._smtp.get(hand)
        try:
            if client is None or not client.is_connected:
                port = self._stack.smtp_port(replica=self._replica)
                client = aiosmtplib.SMTP(
                    hostname="127.0.0.1", port=port, timeout=self._patience_s, start_tls=False
                )
                await client.connect()
                self._smtp[hand] = client
            # The same bytes each time, as a mail server would.
            mail = self._mails.setdefault(message.number, mail_of(self.ledger.run, message))
            await client.send_message(mail)
        except (*RETRIED, aiosmtplib.SMTPConnectError):
            if lost := self._smtp.pop(hand, None):
                lost.close()
            return False
        except aiosmtplib.SMTPResponseException as error:
            if error.code >= 500:
                raise
            return False
        return True

    async def _note(self, message: Message, _hand: int) -> bool:
        run = self.ledger.run
        token = self._tokens[noted_on(message.customer)]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{run}-{message.token}"}
        url = f"{self._stack.url('ingest-direct', replica=self._replica)}/interactions"
        try:
            answer = await self._http.post(
                url, json=note_of(run, message), headers=headers, timeout=self._patience_s
            )
        except RETRIED:
            return False
        if answer.status_code >= 500:
            return False
        answer.raise_for_status()
        return True

    async def _post(self, message: Message, _hand: int) -> bool:
        account = self._accounts[message.customer]
        said = f"@{SOCIAL_HANDLE} {words(message)}"[:290]
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post", "text": said, "langs": ["en"],
            "facets": bluesky.mention(said, SOCIAL_HANDLE, self._council),
            "createdAt": utc_now().isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        mine = self._posts.get(message.customer)
        if message.answers is not None and mine is not None:
            record["reply"] = {"root": mine, "parent": mine}
        try:
            answer = await self._http.post(
                f"{self._stack.pds.url}/xrpc/com.atproto.repo.createRecord",
                headers={"Authorization": f"Bearer {account.token}"},
                json={"repo": account.did, "collection": "app.bsky.feed.post", "record": record},
            )
        except RETRIED:
            return False
        answer.raise_for_status()
        made = answer.json()
        if message.answers is None:
            self._posts[message.customer] = {"uri": made["uri"], "cid": made["cid"]}
        return True
