"""How much this service has recorded."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from customer_profile import store
from customer_profile.api.parameters import Api, StaffOrIntegration


class Counts(BaseModel):
    """How much this service has recorded."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "interactions": 1204,
                "customers": 311,
                "identifiers": 358,
                "conflicts": 7,
                "dead_letters": 0,
            }
        },
    )

    interactions: int = Field(description="Interactions on timelines.")
    customers: int = Field(description="Customers.")
    identifiers: int = Field(description="Identifiers that are linked to a customer.")
    conflicts: int = Field(
        description="Identifiers that one customer stated and that are another customer's."
    )
    dead_letters: int = Field(
        description="Events that this service could not handle and nobody has replayed."
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route."""

    @routes.get("/counts", tags=["counts"])
    async def get_counts(who: StaffOrIntegration) -> Counts:
        """How much this service has recorded."""
        del who
        async with at.engine.connect() as connection:
            return Counts.model_validate(await store.counts.read(connection))
