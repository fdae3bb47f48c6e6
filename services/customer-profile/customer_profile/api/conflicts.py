"""Identifiers that one customer stated and that are another customer's."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from antiphon.http import pages
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import problems
from customer_profile import store
from customer_profile.api.parameters import Api, Reader


class ConflictView(BaseModel):
    """An identifier that one customer stated and that is another customer's."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="Grows with every conflict.")
    identifier: str = Field(description="The identifier, as `kind:value`.")
    customer_id: UUID = Field(description="The customer who stated it.")
    customer_name: str | None = Field(description="Their name; null when nobody has stated one.")
    other_customer_id: UUID = Field(description="The customer whose it is.")
    other_customer_name: str | None = Field(description="Their name; null when nobody has stated one.")
    source: str = Field(description="The interaction that stated it, as `interaction:<id>`.")
    detected_at: datetime = Field(
        description="When the interaction was first compared with the other customer."
    )


EXAMPLE: dict[str, JsonValue] = {
    "id": 7,
    "identifier": "account:R-20418",
    "customer_id": "0192f0c4-7a00-7000-8000-000000000002",
    "customer_name": "Jo Carver",
    "other_customer_id": "0192f0c4-7a00-7000-8000-000000000001",
    "other_customer_name": "Ilse Novak",
    "source": "interaction:8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11",
    "detected_at": "2026-03-02T09:14:03Z",
}
_PAGE = {"content": {"application/json": {"example": {"items": [EXAMPLE], "next": None}}}}


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/conflicts", tags=["identifiers"], responses={200: _PAGE, **problems(400)})
    async def list_conflicts(
        who: Reader, cursor: Cursor = None, limit: Limit = 50,
        customer_id: Annotated[
            UUID | None, Query(description="Only conflicts in which this customer is one of the two sides.")
        ] = None,
    ) -> Page[ConflictView]:  # fmt: skip
        """Identifiers that one customer stated and that are another customer's, the oldest first. A person decides."""
        del who
        after = int(pages.decode_cursor(cursor, (int,))[0] or 0) if cursor else 0
        async with at.engine.connect() as connection:
            rows = await store.conflicts.page(connection, limit + 1, of=customer_id, after=after)
        items = [ConflictView.model_validate(row) for row in rows[:limit]]
        return Page(items=items, next=pages.encode_cursor(items[-1].id) if len(rows) > limit else None)
