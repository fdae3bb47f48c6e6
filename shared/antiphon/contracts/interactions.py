"""Topic `interactions`: something was said on a channel, was edited, or was taken back."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Contract, Event, Instant, known


class Channel(StrEnum):
    """The way a customer spoke."""

    EMAIL = "email"
    SOCIAL = "social"
    PHONE = "phone"
    LETTER = "letter"
    VISIT = "visit"
    WEB = "web"
    CHAT = "chat"
    PARTNER = "partner"


class Visibility(StrEnum):
    """Who can read it where it was said."""

    PUBLIC = "public"
    PRIVATE = "private"


class InteractionKind(StrEnum):
    """What it is on a network."""

    POST = "post"
    COMMENT = "comment"
    REPLY = "reply"
    MENTION = "mention"
    QUOTE = "quote"
    REPOST = "repost"
    MESSAGE = "message"
    REVIEW = "review"


class Automation(StrEnum):
    """Whether a person wrote it. Anything but `none` is recorded and never answered."""

    NONE = "none"
    AUTO_REPLY = "auto-reply"
    BOUNCE = "bounce"
    LOOP = "loop"
    BULK = "bulk"


class IdentifierKind(StrEnum):
    """What an identifier names; the value is normalised by `antiphon.identifiers`."""

    EMAIL = "email"
    PHONE = "phone"
    DID = "did"
    HANDLE = "handle"
    ACCOUNT = "account"
    PARTNER = "partner"


class StatedBy(StrEnum):
    """On whose word an identifier belongs to the speaker."""

    CHANNEL = "channel"
    CUSTOMER = "customer"
    AGENT = "agent"


class Identifier(Contract):
    """An exact identifier of a person, normalised."""

    kind: Annotated[str, known(IdentifierKind)]
    value: str = Field(
        min_length=1,
        max_length=500,
        description="The identifier in its normal form, e.g. `jo@example.org` or `+61255501234`.",
    )

    @property
    def key(self) -> str:
        """`kind:value`, e.g. `email:jo@example.org`."""
        return f"{self.kind}:{self.value}"


class StatedIdentifier(Identifier):
    """An identifier and on whose word it is the speaker's."""

    stated_by: Annotated[str, known(StatedBy)]


class Speaker(Contract):
    """Who said it, as far as the channel knows."""

    address: Identifier | None = Field(
        description="To which an answer on the channel goes: it decides who speaks. Null when there is none."
    )
    name: str | None = Field(default=None, description="How the speaker calls themselves.")
    also: list[StatedIdentifier] = Field(
        default=[],
        description="Further identifiers, from the channel or stated by the customer or an agent: claims, which decide "
        "nothing, except what an agent states who noted a call, visit or letter.",
    )
    followers: int | None = Field(
        default=None, description="How many followers the speaker has on the network."
    )


class Content(Contract):
    """The words. `text` holds only what is new: quotations and signatures are set apart."""

    subject: str | None = Field(default=None, description="The subject line, where the channel has one.")
    text: str = Field(description="What is new in the message, as plain text.")
    quoted: str | None = Field(default=None, description="The quotation that stood below or above the text.")
    signature: str | None = Field(default=None, description="The signature that stood below the text.")
    html: str | None = Field(default=None, description="Sanitised: no script, style, form or remote content.")
    language: str | None = Field(default=None, description="BCP 47, when the channel states it.")


class Attachment(Contract):
    """A file that came with it; its bytes are at the ingest service, by id."""

    attachment_id: UUID = Field(description="The id under which the ingest service serves the file.")
    filename: str = Field(description="The name that the sender gave to the file.")
    media_type: str = Field(description="The media type that the sender states, e.g. `image/png`.")
    size_bytes: int = Field(description="The size of the file.")
    sha256: str = Field(description="Empty where the channel does not say it before the bytes are fetched.")


class Thread(Contract):
    """The channel's own references, by which the case is found."""

    native_id: str = Field(
        description="The channel's id of this interaction, e.g. a Message-ID or an at:// URI."
    )
    answers: list[str] = Field(default=[], description="Native ids that it answers or quotes, nearest first.")
    case_token: str | None = Field(
        default=None, description="The signed case token of the address it was sent to, unchecked."
    )
    conversation: str | None = Field(
        default=None,
        description="The conversation that it belongs to, e.g. a chat, or the first post of a thread: no two systems share one.",
    )


class ReplyLimits(Contract):
    """How long a reply may be on a network that takes it in parts."""

    parts: int = Field(ge=1, description="In how many parts a reply may go out.")
    characters: int = Field(
        ge=50, description="The most characters of a part; what a reader sees as one is one."
    )
    bytes: int = Field(ge=50, description="The most bytes of a part, in UTF-8.")


class Interaction(Contract):
    """One message, post, call, letter or visit of one speaker, in the shape that all channels share."""

    interaction_id: UUID = Field(
        description="Derived from the channel's own id: the same message is the same id."
    )
    channel: Annotated[str, known(Channel)]
    network: str | None = Field(default=None, description="The social network or partner, e.g. `bluesky`.")
    account: str = Field(description="Which of our addresses or accounts was spoken to.")
    kind: Annotated[str, known(InteractionKind)] | None = Field(
        default=None, description="What it is on its network; null on other channels."
    )
    visibility: Annotated[str, known(Visibility)]
    speaker: Speaker = Field(description="Who said it.")
    content: Content = Field(description="What was said.")
    rating: int | None = Field(default=None, ge=1, le=5, description="Of a review: stars, 1 to 5.")
    attachments: list[Attachment] = Field(default=[], description="The files that came with it.")
    thread: Thread = Field(description="The channel's own references.")
    recipient: Identifier | None = Field(
        default=None,
        description="Where an answer on this channel goes: of a mail the first Reply-To that is not ours, else its From; "
        "of a post its author; of what was brought in directly an identifier that the speaker gave.",
    )
    reply_limits: ReplyLimits | None = Field(
        default=None, description="How long a reply may be; null where no network limits it."
    )
    return_path: Identifier | None = Field(
        default=None,
        description="Mail only: the envelope sender, the one address to which automatic answers go (RFC 3834); null when it "
        "is empty, unknown or ours.",
    )
    occurred_at: Instant = Field(description="The channel's time: timelines sort by it.")
    accepted_at: Instant = Field(description="When we accepted it: SLA clocks start from it.")
    automation: Annotated[str, known(Automation)] = Automation.NONE
    defects: list[str] = Field(default=[], description="What was wrong with the message as it came.")
    link: str | None = Field(default=None, description="Where people can see it.")
    noted_by: str | None = Field(default=None, description="The employee who noted a call, letter or visit.")
    raw_sha256: str | None = Field(
        default=None, description="Of the bytes as they came, kept at the ingest service."
    )

    @property
    def speaker_key(self) -> str:
        """The Kafka key: the speaker's address, or the interaction itself when there is none."""
        address = self.speaker.address
        return address.key if address else f"anonymous:{self.interaction_id}"


class InteractionReceived(Event):
    """Something was said."""

    type: ClassVar[str] = "interaction.received.v1"
    topic: ClassVar[str] = "interactions"

    interaction: Interaction = Field(description="The interaction.")

    @property
    @override
    def key(self) -> str:
        return self.interaction.speaker_key

    @property
    @override
    def subject(self) -> str:
        return str(self.interaction.interaction_id)


class InteractionEdited(Event):
    """Its speaker changed the words. What was said before stays on the record."""

    type: ClassVar[str] = "interaction.edited.v1"
    topic: ClassVar[str] = "interactions"

    interaction_id: UUID = Field(description="The interaction whose words changed.")
    speaker_key: str = Field(description="As the key of the interaction that is edited.")
    channel: Annotated[str, known(Channel)]
    network: str | None = Field(default=None, description="The social network or partner.")
    revision: str = Field(
        description="The channel's id of this version: the same revision twice is one edit."
    )
    content: Content = Field(description="The words as they are now.")
    occurred_at: Instant
    accepted_at: Instant
    defects: list[str] = Field(default=[], description="What was wrong with the new words as they came.")

    @property
    @override
    def key(self) -> str:
        return self.speaker_key

    @property
    @override
    def subject(self) -> str:
        return str(self.interaction_id)


class InteractionDeleted(Event):
    """Its speaker took it back: views hide the words."""

    type: ClassVar[str] = "interaction.deleted.v1"
    topic: ClassVar[str] = "interactions"

    interaction_id: UUID = Field(description="The interaction that its speaker took back.")
    speaker_key: str = Field(description="As the key of the interaction that is deleted.")
    channel: Annotated[str, known(Channel)]
    network: str | None = Field(default=None, description="The social network or partner.")
    occurred_at: Instant
    accepted_at: Instant

    @property
    @override
    def key(self) -> str:
        return self.speaker_key

    @property
    @override
    def subject(self) -> str:
        return str(self.interaction_id)
