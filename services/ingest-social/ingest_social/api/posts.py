"""Posts: a list of them, and one with its record, its earlier versions and its files."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from antiphon.contracts.interactions import InteractionKind, Visibility
from antiphon.http.app import Moment, Words
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import not_found, problems
from antiphon.postgres.query import AnyRow
from ingest_social.api.parameters import READER, Api, InteractionId, example
from ingest_social.domain.attachments import AttachmentState
from ingest_social.store import attachments, posts

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
    "text": "@cityofbanksia.test the street light at 3 Wattle Street is out again",
    "accepted_at": "2026-11-23T09:00:00Z",
    "edited_at": "2026-11-23T09:02:00Z",
    "deleted_at": None,
}
_POST_DETAIL: dict[str, JsonValue] = {
    **_POST,
    "record": {"text": "@cityofbanksia.test the street light at 3 Wattle Street is out again"},
    "earlier": [{"revision": "2", "record": {"text": "@cityofbanksia.test the street light is out again"}}],
    "files": [
        {
            "attachment_id": "b1c2f0b4-6f0e-5d0b-8a83-9d2f7a0c5e21",
            "filename": "image-1.jpg",
            "media_type": "image/jpeg",
            "size_bytes": 48213,
            "sha256": "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2",
            "description": "A street light that is dark",
            "state": "kept",
            "reason": None,
        }
    ],
}


class PostView(BaseModel):
    """A post. The text of a deleted post is not shown."""

    model_config = ConfigDict(json_schema_extra={"example": _POST})

    interaction_id: UUID = Field(description="The id of the interaction that the post is.")
    network: str = Field(description="The network that it was posted on.")
    account: str = Field(description="The network's id of our account that received it.")
    native_id: str = Field(description="The network's id of the post.")
    revision: str = Field(description="The network's id of its newest version.")
    author: str = Field(description="The network's id of its author.")
    kind: InteractionKind = Field(description="What it is on the network, e.g. a mention or a review.")
    visibility: Visibility = Field(description="Who can read it on the network.")
    rating: int | None = Field(description="The stars of a review, 1 to 5; null for other posts.")
    text: str | None = Field(description="The text of its newest version; null when the post was deleted.")
    accepted_at: datetime = Field(description="When the service received it.")
    edited_at: datetime | None = Field(
        description="When the service received its last edit; null when there is none."
    )
    deleted_at: datetime | None = Field(
        description="When the service received its deletion; null while the post is there."
    )


class AttachmentView(BaseModel):
    """A file of a post. It can be downloaded once its state is `kept`."""

    attachment_id: UUID = Field(description="The id of the file.")
    filename: str = Field(description="The name under which it is downloaded.")
    media_type: str = Field(description="The media type that the network states.")
    size_bytes: int = Field(description="The size that the network states.")
    sha256: str | None = Field(
        description="The SHA-256 of its bytes; null until they are fetched when the network does not state it."
    )
    description: str | None = Field(description="The author's description of what it shows.")
    state: AttachmentState = Field(
        description="`waiting`: it is still to be fetched. `kept`: it was fetched. `refused`: it can't be fetched."
    )
    reason: str | None = Field(description="Why the last attempt to fetch it failed.")


class PostDetail(PostView):
    """A post with the network's own record, its earlier versions and its files. A deleted post has none of these."""

    model_config = ConfigDict(json_schema_extra={"example": _POST_DETAIL})

    record: dict[str, Any] | None = Field(
        description="What the network sent for the newest version; null when the post was deleted."
    )
    earlier: list[dict[str, Any]] = Field(
        description="The earlier versions, the first one first, each with its `revision` and `record`."
    )
    files: list[AttachmentView] = Field(default=[], description="Its files, by name.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/posts",
        tags=["posts"],
        dependencies=[READER],
        responses=problems(400) | example({"items": [_POST], "next": None}),
    )
    async def list_posts(
        author: Annotated[
            Words | None,
            Query(max_length=300, description="Only posts of the author with this id of the network."),
        ] = None,
        deleted: Annotated[
            bool | None,
            Query(description="`true`: only deleted posts. `false`: only posts that are still there."),
        ] = None,
        since: Annotated[
            Moment | None, Query(description="Only posts received at this time or later.")
        ] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[PostView]:
        """Lists the posts that concern us, the newest first."""
        async with at.engine.connect() as connection:
            rows = await posts.list_posts(
                connection, author=author, is_deleted=deleted, since=since, cursor=cursor, limit=limit
            )
        return posts.NEWEST_FIRST.page(rows, limit, _summary)

    @routes.get("/posts/{interaction_id}", tags=["posts"], dependencies=[READER], responses=problems(404))
    async def get_post_detail(interaction_id: InteractionId) -> PostDetail:
        """Shows one post as the network sent it, with its earlier versions and its files."""
        async with at.engine.connect() as connection:
            row = await posts.find_post(connection, interaction_id)
            files = await attachments.attachments_of(connection, interaction_id)
        if row is None:
            raise not_found("post")
        view = PostDetail.model_validate(row, from_attributes=True)
        if view.deleted_at:
            return view.model_copy(update={"text": None, "record": None, "earlier": []})
        return view.model_copy(
            update={"files": [AttachmentView.model_validate(file, from_attributes=True) for file in files]}
        )


def _summary(row: AnyRow) -> PostView:
    view = PostView.model_validate(row, from_attributes=True)
    return view.model_copy(update={"text": None}) if view.deleted_at else view
