"""How much this service has stored, for `make status` and for monitoring."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from case_mgmt import store
from case_mgmt.api.parameters import Api, Counter


class Counts(BaseModel):
    """How much this service has stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "interactions": 214,
                    "cases": {"new": 12, "open": 31, "pending": 64, "closed": 5},
                    "closed_unseen": 2,
                    "replies": {"sent": 97, "failed": 1},
                    "dead_letters": 0,
                }
            ]
        }
    )

    interactions: int = Field(description="Interactions on all cases, also deleted ones.")
    cases: dict[str, int] = Field(description="Cases by status. A status without cases is absent.")
    closed_unseen: int = Field(
        description="Resolved and closed cases that no person has seen: see `closed_unseen` of `GET /cases`."
    )
    replies: dict[str, int] = Field(
        description="Replies and acknowledgements by state. A state without replies is absent."
    )
    dead_letters: int = Field(description="Events that were dead-lettered and not replayed.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/counts", tags=["counts"])
    async def get_counts(who: Counter) -> Counts:
        """Returns how much this service has stored."""
        del who
        async with at.engine.connect() as connection:
            counts = await store.counts.read(connection)
        return Counts(**counts._asdict())

    _ = get_counts
