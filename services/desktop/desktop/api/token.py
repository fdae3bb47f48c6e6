"""Exchanges an API key for a token: the token endpoint of OAuth 2.0, and the keys with which its tokens are checked."""

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import JSONResponse

from antiphon.process.clock import Clock
from desktop.api_keys.signing import SigningKeys
from desktop.domain.api_secrets import digest_of, is_well_formed
from desktop.domain.token_requests import OAuthCode, OAuthError, TokenRequest, granted, token_request
from desktop.store import api_keys as store
from desktop.store.api_keys import ApiKey

PATH = "/token"
JWKS = "/.well-known/jwks.json"


def add(app: FastAPI, engine: AsyncEngine, signing: SigningKeys, clock: Clock) -> None:
    """Adds the routes. The errors of `/token` are those of RFC 6749, which OAuth clients read; all others are problems."""

    async def create_token(request: Request) -> Response:
        content_type, authorization = (
            request.headers.get("content-type", ""),
            request.headers.get("authorization"),
        )
        try:
            asked = token_request(await request.body(), content_type, authorization)
            key = await _key(engine, asked, clock)
            roles = granted(asked.scope, key.roles)
        except OAuthError as error:
            return _refusal(error, uses_basic=authorization is not None)
        token, lasts = signing.token(key, roles, clock())
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lasts,
            "scope": " ".join(sorted(roles)),
        }
        return JSONResponse(answer)

    async def get_jwks(_: Request) -> Response:
        return Response(signing.published(), media_type="application/jwk-set+json")

    app.add_route(PATH, create_token, methods=["POST"], include_in_schema=False)
    app.add_route(JWKS, get_jwks, include_in_schema=False)


async def _key(engine: AsyncEngine, asked: TokenRequest, clock: Clock) -> ApiKey:
    """The key that has the secret. Raises OAuthError when none has it that can be used, or one of another name."""
    if is_well_formed(asked.secret):
        async with engine.begin() as tx:
            key = await store.use(tx, digest_of(asked.secret), clock())
        if key is not None and key.name == asked.client_id:
            return key
    raise OAuthError(OAuthCode.INVALID_CLIENT, "There is no such key, or it has ended.")


def _refusal(error: OAuthError, *, uses_basic: bool) -> Response:
    headers: Mapping[str, str] = {}
    if error.code is OAuthCode.INVALID_CLIENT and uses_basic:
        headers = {"WWW-Authenticate": 'Basic realm="antiphon"'}
    body = {"error": error.code.value, "error_description": str(error)}
    return JSONResponse(body, error.status, headers=headers)
