"""How much came in, and the replies to it."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from antiphon.delivery import entry_counts
from ingest_direct import store
from ingest_direct.api.parameters import Api, Reader
from ingest_direct.domain.replies import ReplyState


class Counts(entry_counts.EntryCounts):
    """How much came in, and the replies to it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "received": 42,
                "interactions": 40,
                "duplicates": 2,
                "quarantined": 0,
                "replies_waiting": 1,
                "replies_sent": 17,
                "replies_failed": 0,
            }
        }
    )

    replies_waiting: int = Field(description="Replies that nobody has handed over yet.")
    replies_sent: int = Field(description="Replies that reached the customer.")
    replies_failed: int = Field(description="Replies that can't reach the customer.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route."""

    @routes.get("/counts", tags=["counts"])
    async def get_counts(who: Reader) -> Counts:
        """How much came in: received = interactions + duplicates + quarantined, at all times."""
        del who
        async with at.engine.connect() as connection:
            entries = await entry_counts.read(connection)
            replies = await store.replies.counts(connection)
        return Counts(
            **entries.model_dump(),
            replies_waiting=replies.get(ReplyState.WAITING, 0),
            replies_sent=replies.get(ReplyState.SENT, 0),
            replies_failed=replies.get(ReplyState.FAILED, 0),
        )
