"""What the routes of the pages have in common: the session of a request."""

from typing import NamedTuple

from fastapi import Request

from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from antiphon.process.clock import Clock
from desktop.documents import Documents
from desktop.domain.headers import OUR_HEADER, SESSION_COOKIE, cookies_of
from desktop.sessions.issuer import Issuer
from desktop.sessions.open_streams import OpenStreams
from desktop.sessions.sessions import Sessions, not_signed_in
from desktop.settings import Settings
from desktop.store.sessions import Session
from desktop.streams.services import Services


class Api(NamedTuple):
    """What the routes work with."""

    settings: Settings
    sessions: Sessions
    issuer: Issuer
    streams: OpenStreams
    services: Services
    documents: Documents
    clock: Clock


def session_cookie(request: Request) -> str | None:
    """What the browser's session cookie has."""
    return cookies_of(request.headers.get("cookie")).get(SESSION_COOKIE)


def require_page(request: Request) -> None:
    """Raises Problem for what no page of ours sends: 400 with a token, 403 without our header."""
    if "authorization" in request.headers:
        raise Problem(
            Kind.TOKEN_FROM_A_PAGE, "Pages come with their cookie, programs with a token to the API port."
        )
    if request.headers.get(OUR_HEADER) != "1":
        raise Problem(Kind.HEADER_MISSING, "Send the header X-Antiphon: 1.")


async def signed_in(at: Api, request: Request) -> Session:
    """The session of a page's request. Raises Problem: 400 with a token, 403 without our header, 401 without a session."""
    require_page(request)
    session = await at.sessions.of(session_cookie(request))
    if session is None:
        raise not_signed_in()
    return session
