"""Creates and revokes API keys."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.access.roles import Role
from antiphon.http.problems import ErrorPlace, invalid, not_found
from desktop.domain.api_secrets import RANDOM_BYTES, digest_of, secret_of
from desktop.store import api_keys as store
from desktop.store.api_keys import ApiKey

MAX_LIFE: Final = timedelta(days=366)


async def create(
    tx: AsyncConnection, name: str, roles: Collection[Role], expires_at: datetime, by: str, now: datetime
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is kept nowhere. Raises Problem 422 when it would last longer than MAX_LIFE."""
    if not now < expires_at <= now + MAX_LIFE:
        raise invalid(ErrorPlace(pointer="/expires_at", detail=f"must be in the next {MAX_LIFE.days} days"))
    key = ApiKey(uuid4(), name, frozenset(roles), now, by, expires_at)
    secret = secret_of(secrets.token_bytes(RANDOM_BYTES))
    await store.add(tx, key, digest_of(secret))
    return key, secret


async def revoke(tx: AsyncConnection, api_key_id: UUID, by: str, now: datetime) -> ApiKey:
    """The key, which gets no token any more. One that was revoked before stays as it was. Raises Problem 404."""
    key = await store.lock(tx, api_key_id)
    if key is None:
        raise not_found("API key")
    return key if key.revoked_at is not None else await store.revoke(tx, api_key_id, by, now)
