"""Topic `customers`: the customer record changed."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field
from typing_extensions import override

from antiphon.contracts.base import Actor, Contract, Event, Instant, known
from antiphon.contracts.interactions import Identifier, StatedBy


class LinkedIdentifier(Identifier):
    """An identifier of a customer and where it came from."""

    stated_by: Annotated[str, known(StatedBy)]
    source: str = Field(description="The interaction or person that brought it, e.g. `interaction:<id>`.")
    linked_at: Instant


class CustomerRecord(Contract):
    """The customer after the change."""

    customer_id: UUID = Field(description="The id of the customer.")
    name: str | None = Field(default=None, description="What the customer is called, when it is known.")
    labels: list[str] = Field(default=[], description="Words that people put on the customer.")
    identifiers: list[LinkedIdentifier] = Field(
        default=[], description="All identifiers that are linked to the customer."
    )
    since: Instant
    revision: int = Field(description="Grows with every change of the customer.")


class CustomerEvent(Event):
    """A fact about one customer."""

    topic: ClassVar[str] = "customers"

    customer: CustomerRecord = Field(description="The customer after the change.")
    by: Actor = Field(description="Who caused it.")

    @property
    @override
    def key(self) -> str:
        return str(self.customer.customer_id)

    @property
    @override
    def subject(self) -> str:
        return str(self.customer.customer_id)


class CustomerCreated(CustomerEvent):
    """A stranger became a customer."""

    type: ClassVar[str] = "customer.created.v1"


class CustomerUpdated(CustomerEvent):
    """A field or an identifier changed."""

    type: ClassVar[str] = "customer.updated.v1"

    changed: list[str] = Field(description="Names of what changed, e.g. `identifiers`.")
