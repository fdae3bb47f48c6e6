"""Identifiers that people link to a customer, and links that a supervisor removes."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from antiphon.http.app import Body
from antiphon.http.idempotency import OnceTx
from antiphon.http.problems import ErrorPlace, invalid, problems
from customer_profile.actions import identifiers
from customer_profile.api.customers import CustomerView, customer_view
from customer_profile.api.parameters import Api, CustomerId, Short, Supervisor, Writer
from customer_profile.domain.identifiers import normalised


class NewIdentifier(Body):
    """An identifier that the customer stated."""

    model_config = ConfigDict(json_schema_extra={"example": {"kind": "phone", "value": "(02) 5550 1234"}})

    kind: Literal["email", "phone", "account", "did"] = Field(description="What the value is.")
    value: Short = Field(description="The identifier, in any usual spelling.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post(
        "/customers/{customer_id}/identifiers",
        status_code=201,
        tags=["identifiers"],
        responses=problems(400, 404, 409),
    )
    async def link_identifier(
        customer_id: CustomerId, new: NewIdentifier, who: Writer, tx: OnceTx
    ) -> CustomerView:
        """Links an identifier that the customer stated; linking it again changes nothing.

        When a supervisor removed this very link, only a supervisor can link it again.
        """
        identifier = normalised(new.kind, new.value, at.region)
        if identifier is None:
            raise invalid(ErrorPlace(pointer="/value", detail=f"is not a valid {new.kind}"))
        return customer_view(await identifiers.link(tx, customer_id, identifier, who, at.clock()))

    @routes.delete(
        "/customers/{customer_id}/identifiers/{key}", tags=["identifiers"], responses=problems(404)
    )
    async def unlink_identifier(
        customer_id: CustomerId,
        key: Annotated[str, Path(description="The identifier, as `kind:value`.")],
        who: Supervisor,
    ) -> CustomerView:
        """Removes a wrong link. The service keeps that it was there, and no interaction links it again."""
        async with at.engine.begin() as tx:
            return customer_view(await identifiers.unlink(tx, customer_id, key, who, at.clock()))
