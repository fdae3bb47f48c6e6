"""The HTTP door of ingest-social: posts as they came, answers as they went, and how the stream stands."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import entry_counts
from antiphon.access.roles import STAFF, Identity, Role
from antiphon.contracts.interactions import InteractionKind, Visibility
from antiphon.delivery import store as delivery
from antiphon.delivery import views
from antiphon.delivery.attempts import State
from antiphon.delivery.views import OutgoingReply
from antiphon.http.app import Moment, Words
from antiphon.http.pages import KeysetPage, Page
from antiphon.http.permissions import Guarded, require
from antiphon.http.problems import not_found, problems
from antiphon.postgres.query import AnyRow
from ingest_social import store

Reader = Annotated[Identity, Depends(require(*STAFF))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]


_POST: dict[str, JsonValue] = {
    "interaction_id": "0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10",
    "network": "town-square",
    "account": "217",
    "native_id": "posts/90210",
    "revision": "3",
    "author": "4711",
    "kind": "mention",
    "visibility": "public",
    "rating": None,
    "text": "@cityofbanksia.test the light in Wattle Street is out again",
    "accepted_at": "2026-11-23T09:00:00Z",
    "edited_at": None,
    "deleted_at": None,
}
# A customer's file is data, never a page of ours: it is saved, not shown, and can do nothing if it is shown.
_DOWNLOAD = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes, to be saved.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class PostView(BaseModel):
    """A post; words that were taken back are not shown."""

    model_config = ConfigDict(json_schema_extra={"example": _POST})

    interaction_id: UUID
    network: str
    account: str = Field(description="Which account of ours took it.")
    native_id: str
    revision: str
    author: str = Field(description="The network's id of its author.")
    kind: InteractionKind
    visibility: Visibility
    rating: int | None = Field(description="Of a review: stars, 1 to 5.")
    text: str | None = Field(description="Null when it was taken back.")
    accepted_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


class FileView(BaseModel):
    """A file of a post. Its bytes are there once it is `kept`."""

    attachment_id: UUID
    filename: str
    media_type: str
    size_bytes: int
    sha256: str | None = Field(
        description="Null until it is `kept`, where the network does not say it before."
    )
    description: str | None = Field(description="What its author says it shows.")
    state: str = Field(description="`waiting` to be fetched, `kept`, or `refused` with a reason.")
    reason: str | None


class WholePost(PostView):
    """A post with the network's own record, its former versions and its files."""

    model_config = ConfigDict(json_schema_extra={})

    record: dict[str, Any] | None
    earlier: list[dict[str, Any]] = Field(description="Each former version: its revision and record.")
    files: list[FileView] = []


class StreamView(BaseModel):
    """How a network's stream stands."""

    network: str
    account: str
    connected: bool
    position: str | None = Field(description="The stream's place of the last change that we have.")
    at: datetime | None = Field(description="When we took it.")
    happened_at: datetime | None = Field(description="When it happened, by the stream's clock.")
    behind_s: float | None = Field(description="Seconds between the two, as of that change.")


class Counts(entry_counts.EntryCounts):
    """What came in, and the answers by state."""

    replies: dict[State, int]


class Followed(NamedTuple):
    """An account of ours, and whether its stream is connected here."""

    network: str
    account: str
    connected: bool


def router(engine: AsyncEngine, followed: Callable[[], Sequence[Followed]]) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=Guarded)
    _list_of_posts(routes, engine)
    _single_posts(routes, engine)
    _replies(routes, engine)
    _streams(routes, engine, followed)
    return routes


def _list_of_posts(routes: APIRouter, engine: AsyncEngine) -> None:
    @routes.get("/posts", tags=["posts"], responses=problems(400))
    async def list_posts(
        who: Reader, cursor: Cursor = None, limit: Limit = 50,
        author: Annotated[Words | None, Query(max_length=300, description="The network's id of an author.")] = None,
        deleted: Annotated[bool | None, Query(description="Only those taken back, or only those that stand.")] = None,
        since: Annotated[Moment | None, Query(description="Only what we took then or later.")] = None,
    ) -> Page[PostView]:  # fmt: skip
        """Posts that concern us, the newest first."""
        del who
        p = store.POST.c
        query = select(store.POST)
        if author:
            query = query.where(p.author == author)
        if deleted is not None:
            query = query.where(p.deleted_at.is_not(None) if deleted else p.deleted_at.is_(None))
        if since is not None:
            query = query.where(p.accepted_at >= since)
        newest = KeysetPage(p.accepted_at, p.interaction_id)
        async with engine.connect() as connection:
            rows = (await connection.execute(newest.after(query, cursor, limit))).all()
        return newest.page(rows, limit, _listed)


def _listed(row: AnyRow) -> PostView:
    view = PostView.model_validate(row, from_attributes=True)
    return view.model_copy(update={"text": None}) if view.deleted_at else view


def _single_posts(routes: APIRouter, engine: AsyncEngine) -> None:
    @routes.get("/posts/{interaction_id}", tags=["posts"], responses=problems(404))
    async def get_post(interaction_id: UUID, who: Reader) -> WholePost:
        """A post as the network sent it, with its former versions."""
        del who
        async with engine.connect() as connection:
            found = await connection.execute(
                select(store.POST).where(store.POST.c.interaction_id == interaction_id)
            )
            columns = [column for column in store.ATTACHMENT.c if column.name != "data"]
            mine = store.ATTACHMENT.c.interaction_id == interaction_id
            files = await connection.execute(
                select(*columns).where(mine).order_by(store.ATTACHMENT.c.filename)
            )
        row = found.one_or_none()
        if row is None:
            raise not_found("post")
        view = WholePost.model_validate(row, from_attributes=True)
        if view.deleted_at:
            return view.model_copy(update={"text": None, "record": None, "earlier": []})
        return view.model_copy(
            update={"files": [FileView.model_validate(file, from_attributes=True) for file in files]}
        )

    @routes.get(
        "/attachments/{attachment_id}",
        tags=["posts"],
        response_class=Response,
        responses={**problems(404), **_BINARY},
    )
    async def download_attachment(attachment_id: UUID, who: Reader) -> Response:
        """A file that came with a post, once it is kept; its media type is in the post's view."""
        del who
        a = store.ATTACHMENT.c
        joined = store.ATTACHMENT.join(store.POST, a.interaction_id == store.POST.c.interaction_id)
        query = select(a.data, a.filename).select_from(joined)
        stands = (a.attachment_id == attachment_id, a.state == "kept", store.POST.c.deleted_at.is_(None))
        async with engine.connect() as connection:
            row = (await connection.execute(query.where(*stands))).one_or_none()
        if row is None:
            raise not_found("attachment")
        disposition = f"attachment; filename*=UTF-8''{quote(row.filename, safe='')}"
        return Response(
            row.data,
            media_type="application/octet-stream",
            headers={**_DOWNLOAD, "Content-Disposition": disposition},
        )


def _replies(routes: APIRouter, engine: AsyncEngine) -> None:
    @routes.get("/replies/{reply_id}", tags=["replies"], responses=problems(404))
    async def get_reply(reply_id: UUID, who: Reader) -> OutgoingReply:
        """Where a reply stands, with every attempt to send it."""
        del who
        async with engine.connect() as connection:
            found = await views.show(connection, reply_id)
        if found is None:
            raise not_found("reply")
        return found


def _streams(routes: APIRouter, engine: AsyncEngine, followed: Callable[[], Sequence[Followed]]) -> None:
    @routes.get("/streams", tags=["streams"])
    async def streams(who: Reader) -> list[StreamView]:
        """Whether we hear what is said to each account, and up to where we have."""
        del who
        async with engine.connect() as connection:
            rows = {(row.network, row.account): row for row in await store.cursors(connection)}
        return [_stream(one, rows.get((one.network, one.account))) for one in followed()]

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Counter) -> Counts:
        """What came in: received = interactions + duplicates + quarantined, at all times."""
        del who
        async with engine.connect() as connection:
            counted = await entry_counts.read(connection)
            replies = await delivery.counts(connection)
        return Counts(**counted.model_dump(), replies=replies)


def _stream(one: Followed, row: AnyRow | None) -> StreamView:
    behind = (row.at - row.happened_at).total_seconds() if row and row.happened_at else None
    return StreamView(
        **one._asdict(),
        position=row.position if row else None,
        at=row.at if row else None,
        happened_at=row.happened_at if row else None,
        behind_s=None if behind is None else max(behind, 0),
    )
