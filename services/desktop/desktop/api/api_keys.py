"""API keys of programs, for administrators."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field, field_validator
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.roles import Identity, Role
from antiphon.http.app import Body, Moment
from antiphon.http.idempotency import OnceTx, keep_for_repeats
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.permissions import require
from antiphon.http.problems import problems
from antiphon.process.clock import Clock
from desktop.api_keys import keys
from desktop.store import api_keys as store
from desktop.store.api_keys import ApiKey

Administrator = Annotated[Identity, Depends(require(Role.ADMINISTRATOR))]
ApiKeyId = Annotated[UUID, Path(description="The key's id.")]


class ApiKeyState(StrEnum):
    """Whether a key gets tokens."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class NewApiKey(Body):
    """A key to create."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="Name of the program. A second key under the name is for the same program: it replaces a secret without a "
        "pause. The record names the program `key:<name>`.",
        examples=["crm"],
    )
    roles: list[Role] = Field(
        min_length=1,
        description="What the program is to the organisation. Not `administrator`: a program creates no keys.",
        examples=[["integration"]],
    )
    expires_at: Moment = Field(
        description="When the key ends, at most 366 days from now.", examples=["2026-12-24T00:00:00Z"]
    )

    @field_validator("roles")
    @classmethod
    def _no_administrator(cls, roles: list[Role]) -> list[Role]:
        if Role.ADMINISTRATOR in roles:
            raise ValueError("must not have administrator")
        return roles


class ApiKeyView(BaseModel):
    """A key without its secret."""

    api_key_id: UUID = Field(description="Its id, which is `client_id` in its tokens.")
    name: str = Field(description="Name of the program.", examples=["crm"])
    roles: list[Role] = Field(description="The roles of its tokens.", examples=[["integration"]])
    state: ApiKeyState = Field(description="Whether it gets tokens.")
    created_at: datetime = Field(description="When it was created.")
    created_by: str = Field(description="Who created it.", examples=["adam"])
    expires_at: datetime = Field(description="When it ends.")
    last_used_at: datetime | None = Field(description="When it last got a token, to the minute.")
    revoked_at: datetime | None = Field(description="When it was revoked.")
    revoked_by: str | None = Field(description="Who revoked it.", examples=["adam"])


class CreatedApiKey(ApiKeyView):
    """A key with its secret, which is shown this once."""

    secret: str | None = Field(
        description="The secret, which is kept nowhere. Null in the answer to a repeat: if the first answer is lost, revoke the "
        "key and create another one.",
        examples=["antiphon_…"],
    )


def add(routes: APIRouter, engine: AsyncEngine, clock: Clock) -> None:
    """Adds the routes."""

    @routes.post("/api-keys", tags=["api-keys"], status_code=201)
    async def create_api_key(
        body: NewApiKey, caller: Administrator, tx: OnceTx, request: Request, response: Response
    ) -> CreatedApiKey:
        """Creates a key. Its secret is in this answer only."""
        now = clock()
        key, secret = await keys.create(tx, body.name, body.roles, body.expires_at, caller.subject, now)
        response.headers["Location"] = f"/api-keys/{key.api_key_id}"
        view = CreatedApiKey(**_view(now, key).model_dump(), secret=secret)
        keep_for_repeats(request, view.model_copy(update={"secret": None}))
        return view

    @routes.get("/api-keys", tags=["api-keys"], responses=problems(400))
    async def list_api_keys(
        _caller: Administrator, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[ApiKeyView]:
        """All keys, also those that ended, the newest first."""
        async with engine.connect() as connection:
            rows = await store.newest(connection, cursor, limit)
        now = clock()
        return store.BY_CREATION.page(rows, limit, lambda row: _view(now, store.of_row(row)))

    @routes.delete("/api-keys/{api_key_id}", tags=["api-keys"], responses=problems(404))
    async def revoke_api_key(api_key_id: ApiKeyId, caller: Administrator) -> ApiKeyView:
        """Revokes a key: it gets no token any more. Tokens that it has end within five minutes."""
        now = clock()
        async with engine.begin() as tx:
            return _view(now, await keys.revoke(tx, api_key_id, caller.subject, now))

    _ = (create_api_key, list_api_keys, revoke_api_key)


def _view(now: datetime, key: ApiKey) -> ApiKeyView:
    if key.revoked_at is not None:
        state = ApiKeyState.REVOKED
    else:
        state = ApiKeyState.ACTIVE if now < key.expires_at else ApiKeyState.EXPIRED
    return ApiKeyView(
        api_key_id=key.api_key_id, name=key.name, roles=sorted(key.roles), state=state,
        created_at=key.created_at, created_by=key.created_by, expires_at=key.expires_at,
        last_used_at=key.last_used_at, revoked_at=key.revoked_at, revoked_by=key.revoked_by,
    )  # fmt: skip
