"""The streams of our accounts: whether they are connected, and how far they were read."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from antiphon.postgres.query import AnyRow
from ingest_social.api.parameters import READER, Api, Followed
from ingest_social.store import cursors

_STREAM: dict[str, JsonValue] = {
    "network": "town-square",
    "account": "217",
    "connected": True,
    "position": "48213",
    "updated_at": "2026-11-23T09:00:01Z",
    "happened_at": "2026-11-23T09:00:00Z",
    "behind_s": 1.0,
}


class StreamView(BaseModel):
    """The stream of one account of ours."""

    model_config = ConfigDict(json_schema_extra={"example": _STREAM})

    network: str = Field(description="The network.")
    account: str = Field(description="The network's id of our account; empty until it is connected.")
    connected: bool = Field(description="Whether this process is connected to the stream now.")
    position: str | None = Field(
        description="The stream's own mark of the last change that we took; null when we took none."
    )
    updated_at: datetime | None = Field(description="When we took that change.")
    happened_at: datetime | None = Field(description="When that change happened, by the clock of the stream.")
    behind_s: float | None = Field(description="The seconds between the two.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/streams", tags=["streams"], dependencies=[READER])
    async def list_streams() -> list[StreamView]:
        """Lists the streams of our accounts: whether each is connected, and how far it was read."""
        async with at.engine.connect() as connection:
            rows = {(row.network, row.account): row for row in await cursors.list_cursors(connection)}
        return [_view(account, rows.get((account.network, account.account))) for account in at.followed()]


def _view(account: Followed, row: AnyRow | None) -> StreamView:
    behind = (row.updated_at - row.happened_at).total_seconds() if row and row.happened_at else None
    return StreamView(
        network=account.network,
        account=account.account,
        connected=account.connected,
        position=row.position if row else None,
        updated_at=row.updated_at if row else None,
        happened_at=row.happened_at if row else None,
        behind_s=None if behind is None else max(behind, 0),
    )
