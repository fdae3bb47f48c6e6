"""How many posts came in, and how many replies left."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from antiphon import entry_counts
from antiphon.delivery import store as delivery
from antiphon.delivery.attempts import State
from ingest_social.api.parameters import COUNTER, Api


class Counts(entry_counts.EntryCounts):
    """How many posts came in, and how many replies left. `received` = `interactions` + `duplicates` + `quarantined`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "received": 12, "interactions": 9, "duplicates": 2, "quarantined": 1,
                "replies": {"waiting": 0, "sent": 4, "failed": 1},
            }
        }
    )  # fmt: skip

    replies: dict[State, int] = Field(description="The number of replies in each state.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/counts", tags=["counts"], dependencies=[COUNTER])
    async def get_counts() -> Counts:
        """Counts the posts that came in and the replies that left, as of now."""
        async with at.engine.connect() as connection:
            entered = await entry_counts.read(connection)
            replies = await delivery.counts(connection)
        return Counts(**entered.model_dump(), replies=replies)
