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

    customer_id: UUID = Field(description="The id of the customer.")
    name: str | None = Field(default=None, description="What the customer is called, when it is known.")
    identifiers: list[Identifier] = Field(
        default=[], description="All identifiers that are linked to the customer."
    )
    labels: list[str] = Field(default=[], description="Words that people put on the customer.")
    since: Instant = Field(description="When the customer first spoke to us.")
    interactions: int = Field(default=1, description="How often they have spoken, this time included.")


class Reading(Contract):
    """What the words are about."""

    topics: list[str] = Field(
        default=[], description="The topics of the organisation that the words mention."
    )
    department: str | None = Field(default=None, description="Of the first topic that has one.")
    tone: Annotated[str, known(Tone)] = Tone.NEUTRAL
    configuration_version: int | None = Field(
        default=None,
        description="The version of the organisation's document whose words found this; 0 is the file.",
        examples=[8],
    )


class IdentifierConflict(Contract):
    """An identifier that an interaction states of its speaker, but that is another customer's."""

    identifier: Identifier = Field(description="The identifier.")
    other_customer_id: UUID = Field(description="The customer to whom it belongs.")
    other_customer_name: str | None = Field(
        default=None, description="What that customer is called, when it is known."
    )


class IdentifiedInteractionReceived(Event):
    """A customer said something."""

    type: ClassVar[str] = "identified-interaction.received.v1"
    topic: ClassVar[str] = "identified-interactions"

    interaction: Interaction = Field(description="What was said.")
    customer: CustomerFacts = Field(description="Who said it.")
    reading: Reading = Field(description="What the words are about.")
    identified_by: str = Field(description="The identifier that decided, or `new` for a stranger.")
    conflicts: list[IdentifierConflict] = Field(
        default=[],
        description="Identifiers that the message states but that belong to other customers. They link nothing; a person decides.",
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

    edit: InteractionEdited = Field(description="The words as they are now.")
    customer: CustomerFacts = Field(description="Who said them.")
    reading: Reading = Field(description="What the new words are about.")

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

    deletion: InteractionDeleted = Field(description="What was taken back, and when.")
    customer: CustomerFacts = Field(description="Who took it back.")

    @property
    @override
    def key(self) -> str:
        return str(self.customer.customer_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.deletion.interaction_id)
