"""How a reply will be posted: shown while its author writes it."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from antiphon.contracts.interactions import ReplyLimits
from antiphon.delivery.parts import graphemes
from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.problems import not_found, problems
from ingest_social.api.parameters import READER, Api
from ingest_social.store import posts

_DRAFT: dict[str, JsonValue] = {
    "text": "The lamp at 3 Wattle Street is repaired on Monday.",
    "answers": "0b9d3d3c-5a7e-5c55-9d43-0a4a4f1d6a10",
}
_PREVIEW: dict[str, JsonValue] = {
    "network": "town-square",
    "visibility": "public",
    "limits": {"parts": 3, "characters": 300, "bytes": 3000},
    "parts": [{"text": "The lamp at 3 Wattle Street is repaired on Monday.", "characters": 50, "bytes": 50}],
    "is_refused": False,
}


class ReplyText(Body):
    """A reply as far as it is written."""

    model_config = ConfigDict(json_schema_extra={"example": _DRAFT})

    text: Annotated[Words, StringConstraints(max_length=50_000)] = Field(description="The text of the reply.")
    answers: UUID = Field(description="The interaction of the post that it answers.")


class PartView(BaseModel):
    """A post in which a reply goes out."""

    text: str = Field(description="The text of the post, with its number when there are several.")
    characters: int = Field(description="Its size in characters that a reader sees as one.", examples=[50])
    bytes: int = Field(description="Its size in UTF-8.", examples=[50])


class PreviewView(BaseModel):
    """A reply as its network would get it now."""

    model_config = ConfigDict(json_schema_extra={"example": _PREVIEW})

    network: str = Field(description="The network of the post that is answered.")
    visibility: str = Field(description="Who can read that post there, and the reply: `public` or `private`.")
    limits: ReplyLimits | None = Field(
        description="How many parts there may be, and the limits of each; null where nothing limits them."
    )
    parts: list[PartView] = Field(description="The posts in which the reply goes out, in order.")
    is_refused: bool = Field(description="Whether these are too many parts, so that the reply is refused.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the route."""

    @routes.post(
        "/posts/preview",
        tags=["replies"],
        dependencies=[READER],
        responses=problems(400, 404),
    )
    async def split_reply(draft: ReplyText, tx: OnceTx) -> PreviewView:
        """Shows the posts in which a reply would go out, exactly as they would be sent. It changes nothing."""
        post = await posts.find_post(tx, draft.answers)
        network = at.kinds.get(post.network) if post is not None else None
        if post is None or network is None:
            raise not_found("post")
        limits = network.reply_limits
        parts = await asyncio.to_thread(network.split, draft.text)
        return PreviewView(
            network=post.network,
            visibility=post.visibility,
            limits=limits,
            parts=[
                PartView(text=part, characters=len(graphemes(part)), bytes=len(part.encode()))
                for part in parts
            ],
            is_refused=limits is not None and len(parts) > limits.parts,
        )

    _ = split_reply
