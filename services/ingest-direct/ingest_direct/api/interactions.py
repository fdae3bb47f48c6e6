"""Interactions that staff note and systems bring."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from antiphon.contracts.interactions import Interaction
from antiphon.http.idempotency import REPLAYED, IdempotencyKey
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.problems import problems
from antiphon.postgres.query import AnyRow
from ingest_direct import store
from ingest_direct.actions import interactions
from ingest_direct.actions.interactions import Repeat
from ingest_direct.actions.permissions import visible_source
from ingest_direct.api import replies
from ingest_direct.api.parameters import Api, ChannelFilter, InteractionId, Reader, Writer
from ingest_direct.api.replies import ReplyView, reply_view
from ingest_direct.domain.interactions import NewInteraction
from ingest_direct.domain.replies import ReplyState

_EXAMPLE: dict[str, JsonValue] = {
    "interaction": {
        "interaction_id": "8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11",
        "channel": "phone",
        "account": "phone",
        "visibility": "private",
        "speaker": {"address": {"kind": "phone", "value": "+61255501234"}, "name": "Ilse Novak"},
        "content": {"text": "Asks when the pothole in Mill Lane is filled."},
        "thread": {"native_id": "phone:8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11"},
        "recipient": {"kind": "phone", "value": "+61255501234"},
        "occurred_at": "2026-03-02T09:14:00Z",
        "accepted_at": "2026-03-02T09:14:02Z",
        "noted_by": "bruno",
    },
    "case": {
        "case_id": "0192f0c4-7a00-7000-8000-0000000000aa",
        "reference": "C-1042",
        "status": "open",
    },
    "replies": [replies.EXAMPLE],
    "answered": False,
}
_PAGE = {"content": {"application/json": {"example": {"items": [_EXAMPLE], "next": None}}}}


class AcceptedInteraction(BaseModel):
    """An interaction that is durable."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "interaction_id": "8f4f3b1e-5c57-5d0c-9a0b-0f8d3f6f2a11",
                "accepted_at": "2026-03-02T09:14:02Z",
            }
        }
    )

    interaction_id: UUID = Field(description="The interaction's id, the same in every service.")
    accepted_at: datetime = Field(description="When it was accepted: service levels count from then.")


class CaseView(BaseModel):
    """The case that an interaction is on."""

    case_id: UUID = Field(description="The case's id.")
    reference: str = Field(description="The case as people call it, e.g. `C-1042`.")
    status: str = Field(description="`new`, `open`, `pending`, `resolved` or `closed`.")


class InteractionView(BaseModel):
    """An interaction, the case that it is on, and the replies to it."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    interaction: Interaction = Field(description="The interaction, in the shape that all channels share.")
    case: CaseView | None = Field(None, description="The case; null until case-mgmt has found or opened one.")
    replies: list[ReplyView] = Field([], description="The replies to it, the oldest first.")
    answered: bool = Field(description="Whether a reply reached the customer.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post(
        "/interactions", status_code=201, tags=["interactions"],
        responses={200: {"model": AcceptedInteraction, "description": "You brought it before under another key."}, **problems(400, 409)},
    )  # fmt: skip
    async def note_interaction(
        new: NewInteraction, key: IdempotencyKey, who: Writer, response: Response
    ) -> AcceptedInteraction:
        """Notes a call, letter, visit, form, chat message or partner's message. It is durable when this answers.

        A repeat under its key gets the first answer, however late. The same `external_id` under another key answers 200.
        """
        async with at.engine.begin() as tx:
            noted = await interactions.note_interaction(
                tx, new, key=key, who=who, region=at.region, now=at.clock()
            )
        response.headers["Location"] = f"/interactions/{noted.interaction_id}"
        if noted.repeats is Repeat.KEY:
            response.headers[REPLAYED] = "true"
        elif noted.repeats is Repeat.EXTERNAL_ID:
            response.status_code = 200
        return AcceptedInteraction(interaction_id=noted.interaction_id, accepted_at=noted.accepted_at)

    @routes.get("/interactions", tags=["interactions"], responses={200: _PAGE, **problems(400)})
    async def list_interactions(
        who: Reader, cursor: Cursor = None, limit: Limit = 50, channel: ChannelFilter = None,
        *, mine: Annotated[bool, Query(description="Only interactions that you noted or brought.")] = False,
    ) -> Page[InteractionView]:  # fmt: skip
        """Interactions with their replies, the newest first. A system sees only its own."""
        source = who.subject if mine else visible_source(who)
        async with at.engine.connect() as connection:
            rows = await store.interactions.page(
                connection, source=source, channel=channel, cursor=cursor, limit=limit
            )
            replies_of = await store.replies.of_interactions(connection, [row.interaction_id for row in rows])
        return store.interactions.NEWEST_FIRST.page(
            rows, limit, lambda row: _view(row, replies_of.get(row.interaction_id, []))
        )

    @routes.get("/interactions/{interaction_id}", tags=["interactions"], responses=problems(404))
    async def get_interaction(interaction_id: InteractionId, who: Reader) -> InteractionView:
        """One interaction, the case that it is on, and the replies to it."""
        async with at.engine.connect() as connection:
            row = await interactions.get(connection, interaction_id, who)
            replies_of = await store.replies.of_interactions(connection, [interaction_id])
        return _view(row, replies_of.get(interaction_id, []))


def _view(row: AnyRow, reply_rows: Sequence[AnyRow]) -> InteractionView:
    case = (
        CaseView(case_id=row.case_id, reference=row.case_reference, status=row.case_status)
        if row.case_id
        else None
    )
    return InteractionView(
        interaction=Interaction.model_validate(row.interaction),
        case=case,
        replies=[reply_view(reply) for reply in reply_rows],
        answered=any(reply.state == ReplyState.SENT for reply in reply_rows),
    )
