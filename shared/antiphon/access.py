"""Who may do what: bearer JWTs of one issuer, checked against its JWK set, with roles.

Sources: RFC 6750 (bearer tokens), RFC 7519 (JWT), RFC 7517 (JWK set).
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import httpx
from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from typing_extensions import override

from antiphon import logs
from antiphon.contracts.base import Actor, ActorKind
from antiphon.problems import Problem

LOG = logs.get(__name__)
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
REFETCH_AFTER_S = 30.0


class Role(StrEnum):
    """What a token's bearer is to the organisation."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OPERATIONS = "operations"
    MANAGER = "manager"
    INTEGRATION = "integration"


STAFF = (Role.AGENT, Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER)


class Identity(NamedTuple):
    """Who asks: the token's subject, name and roles."""

    subject: str
    name: str | None
    roles: frozenset[str]

    def has(self, *roles: Role) -> bool:
        """Whether they have one of these roles."""
        return not self.roles.isdisjoint(roles)

    def actor(self) -> Actor:
        """The person as the record names them, by the strongest of their roles."""
        if self.has(Role.SUPERVISOR):
            kind = ActorKind.SUPERVISOR
        elif self.has(Role.AGENT):
            kind = ActorKind.AGENT
        elif self.has(Role.INTEGRATION):
            kind = ActorKind.INTEGRATION
        else:
            kind = ActorKind.SYSTEM
        return Actor(kind=kind, id=self.subject, name=self.name)


class _Rejected(Exception):  # noqa: N818
    pass


class Access:
    """Checks tokens: signature by the JWK set at `jwks` (a file or URL), `iss`, `aud` and `exp` always."""

    def __init__(self, *, issuer: str, audience: str, jwks: str) -> None:
        self._source = jwks
        self._claims = JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys: KeySet | None = None
        self._stamp = 0.0
        self._lock = asyncio.Lock()

    async def identify(self, token: str) -> Identity:
        """Who the token names. Raises Problem 401 with the reason in general terms."""
        try:
            return await self._identify(token)
        except _Rejected as error:
            raise _unauthenticated(str(error)) from error

    async def _identify(self, token: str) -> Identity:
        keys = await self._key_set(fresh=False)
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            try:
                # The issuer may have new keys.
                decoded = jwt.decode(token, await self._key_set(fresh=True), algorithms=ALGORITHMS)
            except (JoseError, ValueError) as error:
                raise _Rejected("The token's signature is not the issuer's.") from error
        try:
            self._claims.validate(decoded.claims)
        except JoseError as error:
            raise _Rejected(f"The token is not valid: {error.error}.") from error
        subject, roles, name = (decoded.claims.get(claim) for claim in ("sub", "roles", "name"))
        if not isinstance(subject, str) or not subject or len(subject) > 255 or "\x00" in subject:
            raise _Rejected("The token's subject is not a name.")
        return Identity(
            subject,
            name if isinstance(name, str) else None,
            frozenset(role for role in roles if isinstance(role, str))
            if isinstance(roles, list)
            else frozenset(),
        )

    async def _key_set(self, *, fresh: bool) -> KeySet:
        async with self._lock:
            if self._source.startswith(("http://", "https://")):
                now = asyncio.get_running_loop().time()
                if self._keys is None or (fresh and now - self._stamp >= REFETCH_AFTER_S):
                    self._stamp = now
                    self._keys = await _fetch(self._source, self._keys)
                return self._keys
            return self._from_file(Path(self._source))

    def _from_file(self, path: Path) -> KeySet:
        changed = path.stat().st_mtime
        if self._keys is None or changed != self._stamp:
            self._stamp = changed
            self._keys = KeySet.import_key_set(json.loads(path.read_text()))
        return self._keys


async def _fetch(url: str, known: KeySet | None) -> KeySet:
    try:
        async with httpx.AsyncClient(timeout=5) as http:
            answer = await http.get(url)
            answer.raise_for_status()
            return KeySet.import_key_set(answer.json())
    except (httpx.HTTPError, JoseError, ValueError) as error:
        LOG.warning("JWK set can't be fetched", url=url, reason=repr(error))
        if known is None:
            raise Problem(503, "Not available", "The issuer's keys can't be fetched.") from error
        return known


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "Not authenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="antiphon"'})


_BEARER = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="A JWT of the configured issuer, with `roles`."
)


def require(*roles: Role) -> Callable[..., Coroutine[Any, Any, Identity]]:
    """A dependency that gives the Identity, and refuses who has none of `roles`: 401 without a token, else 403."""

    async def check(
        request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Identity:
        return await _admit(request, bearer, frozenset(roles))

    check.roles = frozenset(roles)  # pyright: ignore[reportFunctionMemberAccess] - read by `roles_of`
    return check


def roles_of(route: Dependant) -> frozenset[Role] | None:
    """The roles that may call a route, as its `require` says; None for a route that requires none."""
    roles: frozenset[Role] | None = getattr(route.call, "roles", None)
    found = [] if roles is None else [roles]
    found += [inner for part in route.dependencies if (inner := roles_of(part)) is not None]
    return frozenset.intersection(*found) if found else None


async def _admit(
    request: Request, bearer: HTTPAuthorizationCredentials | None, roles: frozenset[Role]
) -> Identity:
    """Who asks, if they have one of `roles`. Their token is read once for a request."""
    who: Identity | None = getattr(request.state, "identity", None)
    if who is None:
        if bearer is None:
            raise _unauthenticated("Send a bearer token.")
        access: Access = request.app.state.access
        request.state.identity = who = await access.identify(bearer.credentials)
    if not who.has(*roles):
        raise Problem(403, "Not allowed", f"This needs the role {' or '.join(sorted(roles))}.")
    return who


class Guarded(APIRoute):
    """A route that asks who calls before it reads what they send: FastAPI reads and parses the body first."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, roles = super().get_route_handler(), roles_of(self.dependant)
        if roles is None:
            return handle

        async def guarded(request: Request) -> Response:
            await _admit(request, await _BEARER(request), roles)
            return await handle(request)

        return guarded
