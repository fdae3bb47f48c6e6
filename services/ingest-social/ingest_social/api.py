"""The HTTP door of ingest-social: posts as they came, answers as they went, and how the stream stands."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon import pages, tally
from antiphon.access import STAFF, Identity, Role, require
from antiphon.pages import Page
from antiphon.problems import not_found, problems
from antiphon.web import Words
from ingest_social import store

Reader = Annotated[Identity, Depends(require(*STAFF))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]


class PostView(BaseModel):
    """A post; words that were taken back are not shown."""

    interaction_id: UUID
    network: str
    native_id: str
    revision: str
    author: str
    text: str | None
    accepted_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


class WholePost(PostView):
    """A post with the network's own record and its former versions."""

    record: dict[str, Any] | None
    earlier: list[dict[str, Any]]


class SendingView(BaseModel):
    """An answer on its way, or out."""

    reply_id: UUID
    interaction_id: UUID
    state: str
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    native_ids: list[str]
    finished_at: datetime | None


class StreamView(BaseModel):
    """How a network's stream stands."""

    network: str
    account: str
    connected: bool
    position: int | None
    at: datetime | None


class Counts(tally.Tally):
    """What came in, and the answers by state."""

    replies: dict[str, int]


def router(engine: AsyncEngine, network: str, account: Callable[[], tuple[str, bool]]) -> APIRouter:
    """The routes. `account` tells our account on the network and whether its stream is connected."""
    routes = APIRouter()

    @routes.get("/posts", tags=["posts"], responses=problems(400))
    async def list_posts(
        who: Reader, cursor: Cursor = None, limit: Limit = 50,
        author: Annotated[Words | None, Query(max_length=300)] = None,
    ) -> Page[PostView]:  # fmt: skip
        """Posts that concern us, the newest first."""
        del who
        p = store.POST.c
        query = select(store.POST).order_by(p.accepted_at.desc(), p.interaction_id.desc())
        if author:
            query = query.where(p.author == author)
        if cursor:
            at, last = pages.decode_cursor(cursor, (str, str))
            query = query.where(tuple_(p.accepted_at, p.interaction_id) < (pages.time(at), pages.uuid(last)))
        async with engine.connect() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
        more = rows[limit - 1] if len(rows) > limit else None
        views = [PostView.model_validate(row, from_attributes=True) for row in rows[:limit]]
        return Page(
            items=[view.model_copy(update={"text": None}) if view.deleted_at else view for view in views],
            next=pages.encode_cursor(more.accepted_at.isoformat(), str(more.interaction_id))
            if more
            else None,
        )

    @routes.get("/posts/{interaction_id}", tags=["posts"], responses=problems(404))
    async def get_post(interaction_id: UUID, who: Reader) -> WholePost:
        """A post as the network sent it, with its former versions."""
        del who
        async with engine.connect() as connection:
            found = await connection.execute(
                select(store.POST).where(store.POST.c.interaction_id == interaction_id)
            )
        row = found.one_or_none()
        if row is None:
            raise not_found("post")
        view = WholePost.model_validate(row, from_attributes=True)
        return (
            view.model_copy(update={"text": None, "record": None, "earlier": []}) if view.deleted_at else view
        )

    @routes.get("/replies/{reply_id}", tags=["replies"], responses=problems(404))
    async def get_reply(reply_id: UUID, who: Reader) -> SendingView:
        """How the sending of an answer stands."""
        del who
        async with engine.connect() as connection:
            found = await connection.execute(
                select(store.SENDING).where(store.SENDING.c.reply_id == reply_id)
            )
        row = found.one_or_none()
        if row is None:
            raise not_found("reply")
        return SendingView.model_validate(row, from_attributes=True)

    @routes.get("/streams", tags=["streams"])
    async def streams(who: Reader) -> list[StreamView]:
        """Whether we hear what is said, and up to where we have."""
        del who
        async with engine.connect() as connection:
            row = await store.cursor(connection, network)
        name, connected = account()
        return [
            StreamView(
                network=network,
                account=name,
                connected=connected,
                position=row.position if row else None,
                at=row.at if row else None,
            )
        ]

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Counter) -> Counts:
        """What came in: received = interactions + duplicates + set aside, at all times."""
        del who
        async with engine.connect() as connection:
            counted = await tally.read(connection)
            rows = await connection.execute(
                select(store.SENDING.c.state, func.count()).group_by(store.SENDING.c.state)
            )
        return Counts(**counted.model_dump(), replies={str(state): int(n) for state, n in rows})

    return routes
