"""How many mails came in, and how many replies left."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from antiphon.delivery import entry_counts
from antiphon.delivery import store as delivery
from antiphon.delivery.attempts import State
from ingest_email.api.parameters import COUNTER, Api


class Counts(entry_counts.EntryCounts):
    """How many mails came in, and how many replies left. `received` = `interactions` + `duplicates` + `quarantined`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "received": 12, "interactions": 9, "duplicates": 2, "quarantined": 1,
                "replies_waiting": 0, "replies_sent": 4, "replies_failed": 1,
            }
        }
    )  # fmt: skip

    replies_waiting: int = Field(description="Replies that are still to be sent.")
    replies_sent: int = Field(description="Replies that the mail relay took.")
    replies_failed: int = Field(description="Replies that did not reach the customer, or must not be sent.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/counts", tags=["counts"], dependencies=[COUNTER])
    async def get_counts() -> Counts:
        """Counts the mails that came in and the replies that left, as of now."""
        async with at.engine.connect() as connection:
            entered = await entry_counts.read(connection)
            replies = await delivery.counts(connection)
        return Counts(
            **entered.model_dump(),
            replies_waiting=replies[State.WAITING],
            replies_sent=replies[State.SENT],
            replies_failed=replies[State.FAILED],
        )
