"""Customers: who they are, by which identifiers, and with whom they are in conflict."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from antiphon.contracts.interactions import IdentifierKind
from antiphon.http import pages, preconditions
from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Export, ExportCursor, Limit, Page
from antiphon.http.problems import ErrorPlace, invalid, problems
from customer_profile import store
from customer_profile.actions import customers
from customer_profile.api import conflicts
from customer_profile.api.conflicts import ConflictView
from customer_profile.api.parameters import Api, CustomerId, IfMatch, Reader, Short, Writer
from customer_profile.domain.identifiers import normalised
from customer_profile.store.customers import Customer

# A stranger can cause a conflict with every form they send: how many are shown with a customer does not grow with them.
CONFLICTS_SHOWN = 20

_EXAMPLE: dict[str, JsonValue] = {
    "customer_id": "0192f0c4-7a00-7000-8000-000000000001",
    "name": "Ilse Novak",
    "labels": ["pensioner"],
    "identifiers": [
        {
            "kind": "email",
            "value": "ilse@mail.example",
            "stated_by": "channel",
            "source": "interaction:8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11",
            "linked_at": "2026-03-02T09:14:03Z",
        }
    ],
    "since": "2026-03-02T09:14:03Z",
    "revision": 3,
    "interactions": 2,
}
_EXAMPLE_WITH_CONFLICTS: dict[str, JsonValue] = {**_EXAMPLE, "conflicts": [conflicts.EXAMPLE]}
_PAGE = {"content": {"application/json": {"example": {"items": [_EXAMPLE], "next": None}}}}


class IdentifierView(BaseModel):
    """An identifier of a customer, and where it came from."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="`email`, `phone`, `did`, `handle`, `account` or `partner`.")
    value: str = Field(description="The identifier in its normalised spelling.")
    stated_by: str = Field(description="Who stated it: `channel`, `customer` or `agent`.")
    source: str = Field(description="The interaction or person, as `interaction:<id>` or `person:<id>`.")
    linked_at: datetime = Field(description="When it was linked to the customer.")


class CustomerView(BaseModel):
    """A customer: who they are, and how many interactions are from them."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    customer_id: UUID = Field(description="The customer's id.")
    name: str | None = Field(description="Their name; null when nobody has stated one.")
    labels: list[str] = Field(description="Words that people put on the customer. Rules can ask about them.")
    identifiers: list[IdentifierView] = Field(description="Their identifiers, the first linked first.")
    since: datetime = Field(description="When they became a customer.")
    revision: int = Field(description="Grows with every change of the customer; the ETag is made of it.")
    interactions: int = Field(description="How many interactions are from them.")


class CustomerWithConflicts(CustomerView):
    """A customer, with identifiers that stand between them and others."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE_WITH_CONFLICTS})

    conflicts: list[ConflictView] = Field(
        description=f"The newest {CONFLICTS_SHOWN} in which they are one of the sides; all: `GET /conflicts?customer_id=`."
    )


def _without_repeats(labels: list[str]) -> list[str]:
    return list(dict.fromkeys(labels))


class CustomerUpdate(Body):
    """The fields to change. A field that is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Ilse Novak", "labels": ["pensioner"]}})

    name: Short | None = Field(
        None,
        description="The name, which no channel overwrites. Null clears it: then the next name that a channel states is theirs.",
    )
    labels: Annotated[list[Short], AfterValidator(_without_repeats)] = Field(
        default_factory=list[str], max_length=50,
        description="All labels, in place of those before. A label that is given twice counts once.",
    )  # fmt: skip


def customer_view(customer: Customer) -> CustomerView:
    """The customer as the API shows them."""
    return CustomerView.model_validate(_fields(customer))


def _fields(customer: Customer) -> dict[str, object]:
    record = dict(customer.record)
    identifiers = [IdentifierView.model_validate(one) for one in customer.record.identifiers]
    return {**record, "identifiers": identifiers, "interactions": customer.interactions}


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/customers", tags=["customers"], responses={200: _PAGE, **problems(400)})
    async def list_customers(
        who: Reader, cursor: Cursor = None, limit: Limit = 50,
        customer_id: Annotated[
            list[UUID] | None, Query(max_length=100, description="Only these customers; may be given 100 times.")
        ] = None,
        identifier: Annotated[
            Words | None, Query(max_length=600, description="Only who has this identifier, as `kind:value`.")
        ] = None,
        name: Annotated[
            Words | None, Query(max_length=300, description="Only whose name begins so, or a later word of it, in any case.")
        ] = None,
    ) -> Page[CustomerView]:  # fmt: skip
        """Customers in the order of their names: all, some by id, one by identifier, or those whose name begins with a text."""
        del who
        key = _key(identifier, at.region) if identifier else None
        after = _after(cursor) if cursor else None
        async with at.engine.connect() as connection:
            rows = await store.customers.page(
                connection, limit + 1, ids=customer_id, key=key, name=name, after=after
            )
            found = await store.customers.read(connection, [row.customer_id for row in rows[:limit]])
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[customer_view(found[row.customer_id]) for row in rows[:limit]],
            next=pages.encode_cursor(more.folded_name, str(more.customer_id)) if more else None,
        )

    @routes.get("/customers/export", tags=["customers"], responses=problems(400, 410))
    async def export_customers(
        who: Reader, cursor: ExportCursor = None, limit: Limit = 50
    ) -> Export[CustomerView]:
        """All customers, and later those that changed since: none is missed, however much changes meanwhile.

        A customer who changes after they were read comes again. What changes now comes once no older transaction runs.
        """
        del who
        async with at.engine.connect() as connection:
            return await store.customers.export(connection, cursor, limit, customer_view)

    @routes.get("/customers/{customer_id}", tags=["customers"], responses=problems(404))
    async def get_customer(
        customer_id: CustomerId, who: Reader, tag: preconditions.SendsETag
    ) -> CustomerWithConflicts:
        """The customer with every identifier, where each came from, and the newest conflicts. The ETag is for changes."""
        del who
        async with at.engine.connect() as connection:
            customer = await customers.get(connection, customer_id)
            newest = await store.conflicts.page(connection, CONFLICTS_SHOWN, of=customer_id, newest=True)
        tag.of(customer.record.revision)
        return CustomerWithConflicts.model_validate(
            {**_fields(customer), "conflicts": [ConflictView.model_validate(row) for row in newest]}
        )

    @routes.patch("/customers/{customer_id}", tags=["customers"], responses=problems(400, 404, 412, 428))
    async def update_customer(
        customer_id: CustomerId, update: CustomerUpdate, who: Writer, tx: OnceTx, tag: preconditions.SendsETag, if_match: IfMatch = None
    ) -> CustomerView:  # fmt: skip
        """Changes the name or the labels. No channel overwrites a name that a person set."""
        seen, values = preconditions.seen(if_match), update.model_dump(exclude_unset=True)
        customer = await customers.update(tx, customer_id, values, seen=seen, who=who, now=at.clock())
        tag.of(customer.record.revision)
        return customer_view(customer)


def _key(identifier: str, region: str) -> str:
    kind, _, value = identifier.partition(":")
    known = normalised(kind, value, region)
    if known is None:
        kinds = ", ".join(IdentifierKind)
        detail = (
            f"is not a valid {kind}: {value!r}"
            if kind in set(IdentifierKind)
            else f"needs its kind and a colon first ({kinds}), e.g. `email:ilse@mail.example`"
        )
        raise invalid(ErrorPlace(parameter="identifier", detail=detail))
    return known.key


def _after(cursor: str) -> tuple[str, UUID]:
    name, customer_id = pages.decode_cursor(cursor, (str, str))
    return str(name), pages.uuid(customer_id)
