"""A call, letter, visit, form, chat message or partner's message as the interaction that all channels share."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

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

# The kinds of identifier that can be the speaker's address, in order, when a member of staff notes the interaction.
ADDRESS_ORDER: Mapping[str, Sequence[str]] = {
    "phone": ("phone", "email", "account", "partner"),
    "letter": ("account", "email", "phone", "partner"),
    "visit": ("account", "email", "phone", "partner"),
}
# Otherwise the address is the identifier to which an answer on the channel goes. A letter or visit that a system brings has none.
ANSWERED_AT: Mapping[str, Sequence[str]] = {
    "phone": ("phone",),
    "web": ("email",),
    "chat": ("partner",),
    "partner": ("partner",),
}
# The kinds of identifier to which an answer goes, in order. Without one, the system or person who brought the interaction hands
# the answer over.
RECIPIENT_ORDER: Mapping[str, Sequence[str]] = {
    **ADDRESS_ORDER,
    "web": ("email",),
    "chat": ("partner",),
    "partner": ("partner",),
}


class NewSpeaker(Body):
    """Who spoke, with every identifier that they gave.

    One identifier decides which customer that is: `phone` of a call, `email` of a form, `partner_id` of a chat or partner's
    message, else the `conversation`. The others are claims and link nothing. When a member of staff notes a call, letter or
    visit, the first identifier that is known decides, and the others are linked.
    """

    name: Short | None = Field(None, description="The name that they gave.")
    phone: Short | None = Field(None, examples=["(02) 5550 1234"], description="National or international.")
    email: Short | None = Field(None, examples=["ilse@mail.example"], description="A mail address.")
    account_number: Short | None = Field(
        None, examples=["R-20418"], description="Their account with the organisation."
    )
    partner_id: Short | None = Field(None, description="The id by which your system knows them.")


class NewInteraction(Body):
    """What was said, on which channel, by whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "channel": "phone",
                "speaker": {"name": "Ilse Novak", "phone": "(02) 5550 1234"},
                "text": "Asks when the pothole in Mill Lane is filled.",
                "occurred_at": "2026-03-02T09:14:00Z",
            }
        }
    )

    channel: DirectChannel = Field(description="The way the customer spoke.")
    speaker: NewSpeaker = Field(description="Who spoke.")
    text: Annotated[Words, StringConstraints(min_length=1, max_length=100_000)] = Field(
        description="The words, or what an agent notes of them."
    )
    subject: Annotated[Words, StringConstraints(max_length=998)] | None = Field(
        None, description="The subject, when there is one."
    )
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = (
        Field(None, examples=["en-AU"], description="The language of the words, a BCP 47 tag.")
    )
    occurred_at: Moment | None = Field(None, description="When the customer spoke; now, without it.")
    account: Short | None = Field(
        None, description="Which of our numbers, counters or forms the customer spoke to."
    )
    attachments: list[UUID] = Field([], max_length=50, description="Ids of uploaded files.")
    external_id: Short | None = Field(
        None, description="Your own id of the interaction: the same one again is a duplicate."
    )
    conversation: Short | None = Field(
        None, description="Chats and partners: the id that all messages of one conversation have."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.text.strip():
            raise ValueError("text must not be blank")
        return self


class InvalidFieldError(Exception):
    """A field of a request is invalid: `pointer` is its place in the body, the message says why."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def fingerprint(new: NewInteraction) -> str:
    """SHA-256 of what a request means, which distinguishes a repeat from another request with the same key."""
    return hashlib.sha256(new.model_dump_json().encode()).hexdigest()


def interaction_id(new: NewInteraction, source: str, key: str) -> UUID:
    """The id, derived from the source's own id when it gives one, else from its idempotency key."""
    if new.external_id is not None:
        return ids.interaction_id(new.channel, source, "external", new.external_id)
    return ids.interaction_id(new.channel, source, "key", key)


def build(
    new: NewInteraction,
    *,
    identity: UUID,
    source: str,
    noted_by: str | None,
    attachments: Sequence[Attachment],
    region: str,
    now: datetime,
) -> Interaction:
    """The interaction. Raises InvalidFieldError for an identifier that can't exist or a time in the future."""
    occurred_at = new.occurred_at or now
    if occurred_at > now + CLOCK_SKEW:
        raise InvalidFieldError("/occurred_at", "lies in the future")
    who = speaker(new, source=source, by_staff=noted_by is not None, region=region)
    return Interaction(
        interaction_id=identity,
        channel=new.channel,
        network=source if new.channel in {Channel.CHAT, Channel.PARTNER} else None,
        account=new.account or new.channel,
        visibility=Visibility.PRIVATE,
        speaker=who,
        content=Content(subject=new.subject, text=clean(new.text), language=new.language),
        attachments=list(attachments),
        thread=Thread(native_id=f"{new.channel}:{identity}", conversation=conversation(new, source)),
        recipient=recipient(who, new.channel),
        occurred_at=occurred_at,
        accepted_at=now,
        noted_by=noted_by,
    )


def conversation(new: NewInteraction, source: str) -> str | None:
    """The conversation that the interaction continues, None without one.

    No source can name the conversation of another source: a `:` in the name of a source is written `%3A`.
    """
    if new.conversation is None:
        return None
    return f"{source.replace('%', '%25').replace(':', '%3A')}:{new.conversation}"


def speaker(new: NewInteraction, *, source: str, by_staff: bool, region: str) -> Speaker:
    """Who spoke: the address, which the channel decides, and all other identifiers as claims. Raises InvalidFieldError.

    `by_staff` says that a member of staff notes the interaction, not a system.
    """
    who = new.speaker
    by_kind: dict[str, Identifier] = {}
    for kind, field, value, identifier in (
        ("phone", "phone", who.phone, identifiers.phone(who.phone or "", region)),
        ("email", "email", who.email, identifiers.email(who.email or "")),
        ("account", "account_number", who.account_number, identifiers.account(who.account_number or "")),
        ("partner", "partner_id", who.partner_id, identifiers.partner(source, who.partner_id or "")),
    ):
        if value is None:
            continue
        if identifier is None:
            raise InvalidFieldError(f"/speaker/{field}", f"is not a valid {field.replace('_', ' ')}")
        by_kind[kind] = identifier
    order = ADDRESS_ORDER.get(new.channel) if by_staff else None
    kinds = order or ANSWERED_AT.get(new.channel, ())
    address = next((by_kind[kind] for kind in kinds if kind in by_kind), None)
    if address is None and "partner" in kinds and new.conversation:
        address = identifiers.conversation(source, new.conversation)
    stated_by = StatedBy.AGENT if by_staff else StatedBy.CUSTOMER
    claims = [
        StatedIdentifier(kind=claim.kind, value=claim.value, stated_by=stated_by)
        for claim in by_kind.values()
        if claim != address
    ]
    return Speaker(address=address, name=who.name, also=claims)


def recipient(who: Speaker, channel: str) -> Identifier | None:
    """The identifier to which an answer on the channel goes, None when the speaker gave none of its kinds."""
    by_kind = {one.kind: one for one in (who.address, *who.also) if one is not None}
    first = next((by_kind[kind] for kind in RECIPIENT_ORDER[channel] if kind in by_kind), None)
    return Identifier(kind=first.kind, value=first.value) if first else None
