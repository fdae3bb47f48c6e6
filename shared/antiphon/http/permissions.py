"""What a route asks before it reads the body: who calls, and whether the request is one of its own."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from typing_extensions import override

from antiphon.access.roles import Identity, Role, with_implied
from antiphon.access.tokens import Access, InvalidTokenError, NoKeysError
from antiphon.http.idempotency import once
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from antiphon.http.requests import body_types, query_parameters, require_body_type, require_known_parameters

_BEARER = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="A JWT of the configured issuer, with the roles of its bearer.",
)


def require(*roles: Role) -> Callable[..., Coroutine[Any, Any, Identity]]:
    """A dependency that gives the Identity, and refuses who has none of `roles`: 401 without a token, else 403."""
    allowed = with_implied(*roles)

    async def check(
        request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Identity:
        return await _admit(request, bearer, allowed)

    check.roles = allowed  # pyright: ignore[reportFunctionMemberAccess] - read by `roles_of`
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
        try:
            request.state.identity = who = await access.identify(bearer.credentials)
        except InvalidTokenError as error:
            raise _unauthenticated(str(error)) from error
        except NoKeysError as error:
            raise Problem(Kind.NOT_AVAILABLE, str(error)) from error
    if not who.has(*roles):
        raise Problem(Kind.ROLE_MISSING, f"This needs the role {' or '.join(sorted(roles))}.")
    return who


class Guarded(APIRoute):
    """A route that asks who calls before it reads what they send: FastAPI reads and parses the body first.

    It refuses query parameters that it does not have, and a body of another media type than it reads. Under an
    `Idempotency-Key` it takes effect once (`OnceTx`).
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, roles = super().get_route_handler(), roles_of(self.dependant)
        parameters, types = query_parameters(self.dependant), body_types(self)

        async def guarded(request: Request) -> Response:
            if roles is not None:
                await _admit(request, await _BEARER(request), roles)
            require_known_parameters(request, parameters)
            require_body_type(request, types)
            return await once(request, handle)

        return guarded


def _unauthenticated(detail: str) -> Problem:
    return Problem(Kind.NOT_AUTHENTICATED, detail, headers={"WWW-Authenticate": 'Bearer realm="antiphon"'})
