"""Topic `identified-interactions`: …by this customer, about these topics, in this tone."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Contract, Event, Instant, known
from antiphon.contracts.interactions import Identifier, Interaction, InteractionDeleted, InteractionEdited


class Tone(StrEnum):
    """How it was said."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class CustomerFacts(Contract):
    """The customer as later hops may ask about them."""

    customer_id: UUID
    name: str | None = None
    identifiers: list[Identifier] = []
    labels: list[str] = []
    since: Instant = Field(description="When the customer was first heard of.")
    interactions: int = Field(default=1, description="How often they have spoken, this time included.")


class Reading(Contract):
    """What the words are about."""

    topics: list[str] = []
    department: str | None = Field(default=None, description="Of the first topic that has one.")
    tone: Annotated[str, known(Tone)] = Tone.NEUTRAL


class IdentifierConflict(Contract):
    """An identifier that an interaction states of its speaker, but that is another customer's."""

    identifier: Identifier
    other_customer_id: UUID
    other_customer_name: str | None = None


class IdentifiedInteractionReceived(Event):
    """A customer said something."""

    type: ClassVar[str] = "identified-interaction.received.v1"
    topic: ClassVar[str] = "identified-interactions"

    interaction: Interaction
    customer: CustomerFacts
    reading: Reading
    identified_by: str = Field(description="The identifier that decided, or `new` for a stranger.")
    conflicts: list[IdentifierConflict] = Field(
        default=[], description="Stated with it, and somebody else's: it links nothing, a person decides."
    )

    @property
    @override
    def key(self) -> str:
        return str(self.customer.customer_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.interaction.interaction_id)


class IdentifiedInteractionEdited(Event):
    """A customer changed their words."""

    type: ClassVar[str] = "identified-interaction.edited.v1"
    topic: ClassVar[str] = "identified-interactions"

    edit: InteractionEdited
    customer: CustomerFacts
    reading: Reading

    @property
    @override
    def key(self) -> str:
        return str(self.customer.customer_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.edit.interaction_id)


class IdentifiedInteractionDeleted(Event):
    """A customer took their words back."""

    type: ClassVar[str] = "identified-interaction.deleted.v1"
    topic: ClassVar[str] = "identified-interactions"

    deletion: InteractionDeleted
    customer: CustomerFacts

    @property
    @override
    def key(self) -> str:
        return str(self.customer.customer_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.deletion.interaction_id)
