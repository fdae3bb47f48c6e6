"""Pure: a noted call, letter, visit or form as the interaction that all channels share."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from antiphon import identifiers, ids
from antiphon.contracts.interactions import (
    Attachment,
    Channel,
    Content,
    Identifier,
    Interaction,
    Speaker,
    StatedBy,
    StatedIdentifier,
    Thread,
    Visibility,
)
from antiphon.http.app import Body, Moment, Words
from antiphon.text import clean

DirectChannel = Literal["phone", "letter", "visit", "web", "chat", "partner"]
Short = Annotated[Words, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
CLOCK_SKEW = timedelta(minutes=5)

# What a person of the staff notes: the kinds of identifier that can be the speaker's address, in order, by channel.
ADDRESS_ORDER: dict[str, tuple[str, ...]] = {
    "phone": ("phone", "email", "account", "partner"),
    "letter": ("account", "email", "phone", "partner"),
    "visit": ("account", "email", "phone", "partner"),
}
# All else: only that to which an answer on the channel goes. A letter or visit that a system brings has no address.
ANSWERED_AT: dict[str, tuple[str, ...]] = {
    "phone": ("phone",),
    "web": ("email",),
    "chat": ("partner",),
    "partner": ("partner",),
}

# To which identifier an answer goes, in order: what leads back by the channel itself. Without one, whoever brought it in
# hands the answer over.
RECIPIENT_ORDER = ADDRESS_ORDER | {"web": ("email",), "chat": ("partner",), "partner": ("partner",)}


class GivenSpeaker(Body):
    """Who spoke, with every identifier that they gave.

    Only one decides who that is: where an answer goes, which is `phone` of a call, `email` of a form and `partner_id` of
    a chat or partner; without one, the `conversation`. The others are kept as claims and link nothing. A call, letter or visit that a person of the staff
    notes is decided by the first that is known, and the others are linked.
    """

    name: Short | None = None
    phone: Short | None = Field(None, examples=["(02) 5550 1234"], description="National or international.")
    email: Short | None = Field(None, examples=["ilse@mail.example"])
    account_number: Short | None = Field(None, examples=["R-20418"])
    partner_id: Short | None = Field(None, description="The id that your system knows them by.")


class NewInteraction(Body):
    """What was said, on which channel, by whom."""

    channel: DirectChannel
    speaker: GivenSpeaker
    text: Annotated[Words, StringConstraints(min_length=1, max_length=100_000)]
    subject: Annotated[Words, StringConstraints(max_length=998)] | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    occurred_at: Moment | None = Field(None, description="When it was said; now, when it is not given.")
    account: Short | None = Field(None, description="Which of our numbers, desks or forms was spoken to.")
    attachments: list[UUID] = Field([], max_length=50, description="Ids of uploaded files.")
    external_id: Short | None = Field(
        None, description="Your own id of it: the same one again is a duplicate."
    )
    conversation: Short | None = Field(
        None, description="Chats and partners: what continues one conversation."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.text.strip():
            raise ValueError("text must say something")
        return self


class UnusableInput(Exception):  # noqa: N818
    """Something given can't be used: `pointer` says which, the message why."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def fingerprint(given: NewInteraction) -> str:
    """SHA-256 of a request's meaning, to tell a repeat from another request under the same key."""
    return hashlib.sha256(given.model_dump_json().encode()).hexdigest()


def interaction_id(given: NewInteraction, source: str, key: str) -> UUID:
    """The id: by the source's own id when it gives one, else by its idempotency key."""
    if given.external_id is not None:
        return ids.interaction_id(given.channel, source, "external", given.external_id)
    return ids.interaction_id(given.channel, source, "key", key)


def build(
    given: NewInteraction,
    *,
    identity: UUID,
    source: str,
    noted_by: str | None,
    attachments: Sequence[Attachment],
    region: str,
    now: datetime,
) -> Interaction:
    """The interaction. Raises UnusableInput for an identifier that can't exist or a time that has not come."""
    occurred_at = given.occurred_at or now
    if occurred_at > now + CLOCK_SKEW:
        raise UnusableInput("/occurred_at", "lies in the future")
    native_id = f"{given.channel}:{identity}"
    who = speaker(given, source=source, by_agent=noted_by is not None, region=region)
    return Interaction(
        interaction_id=identity,
        channel=given.channel,
        network=source if given.channel in {Channel.CHAT, Channel.PARTNER} else None,
        account=given.account or given.channel,
        visibility=Visibility.PRIVATE,
        speaker=who,
        content=Content(subject=given.subject, text=clean(given.text), language=given.language),
        attachments=list(attachments),
        thread=Thread(native_id=native_id, conversation=conversation(given, source)),
        recipient=recipient(who, given.channel),
        occurred_at=occurred_at,
        accepted_at=now,
        noted_by=noted_by,
    )


def conversation(given: NewInteraction, source: str) -> str | None:
    """The conversation that it continues. No source can name another's: a `:` in its name is written `%3A`."""
    if given.conversation is None:
        return None
    return f"{source.replace('%', '%25').replace(':', '%3A')}:{given.conversation}"


def speaker(given: NewInteraction, *, source: str, by_agent: bool, region: str) -> Speaker:
    """Who spoke: the address by channel, and what else they gave. Raises UnusableInput.

    `by_agent` says that a person of the staff notes it, never a system.
    """
    who = given.speaker
    found: dict[str, Identifier] = {}
    for kind, field, value, identifier in (
        ("phone", "phone", who.phone, identifiers.phone(who.phone or "", region)),
        ("email", "email", who.email, identifiers.email(who.email or "")),
        ("account", "account_number", who.account_number, identifiers.account(who.account_number or "")),
        ("partner", "partner_id", who.partner_id, identifiers.partner(source, who.partner_id or "")),
    ):
        if value is None:
            continue
        if identifier is None:
            raise UnusableInput(f"/speaker/{field}", f"is not a valid {field.replace('_', ' ')}")
        found[kind] = identifier
    stated_by = StatedBy.AGENT if by_agent else StatedBy.CUSTOMER
    order = ADDRESS_ORDER.get(given.channel) if by_agent else None
    kinds = order or ANSWERED_AT.get(given.channel, ())
    address = next((found[kind] for kind in kinds if kind in found), None)
    if address is None and "partner" in kinds and given.conversation:
        address = identifiers.conversation(source, given.conversation)
    also = [
        StatedIdentifier(kind=other.kind, value=other.value, stated_by=stated_by)
        for other in found.values()
        if other != address
    ]
    return Speaker(address=address, name=who.name, also=also)


def recipient(who: Speaker, channel: str) -> Identifier | None:
    """To whom an answer on the channel goes. None when nothing that the speaker gave leads back to them on it."""
    given = {one.kind: one for one in (who.address, *who.also) if one is not None}
    found = next((given[kind] for kind in RECIPIENT_ORDER[channel] if kind in given), None)
    return Identifier(kind=found.kind, value=found.value) if found else None
