"""Signing in and out, and who is signed in."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Header, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse

from antiphon.access.roles import Role
from antiphon.http.problems import problems
from antiphon.process import logs
from desktop.api.parameters import Api, require_page, session_cookie
from desktop.domain.headers import (
    SESSION_COOKIE,
    SIGN_IN_COOKIE,
    cookies_of,
    local_path,
    set_cookie,
)
from desktop.sessions.issuer import CALLBACK, IssuerAwayError, RefusedError
from desktop.sessions.sessions import SIGN_IN_LASTS

LOG = logs.get(__name__)
OurHeader = Annotated[
    str | None,
    Header(alias="X-Antiphon", description="`1`: the request is of a page. Without it: 403.", examples=["1"]),
]


class SignedOut(BaseModel):
    """Nobody is signed in in this browser."""

    signed_in: Literal[False] = Field(description="Whether somebody is signed in.")


class SignedIn(BaseModel):
    """Who is signed in in this browser."""

    signed_in: Literal[True] = Field(description="Whether somebody is signed in.")
    subject: str = Field(description="The person's id in the organisation.", examples=["elena"])
    name: str | None = Field(description="The person's name.", examples=["Elena Marino"])
    roles: list[Role] = Field(description="What the person is to the organisation.", examples=[["agent"]])
    until: datetime = Field(description="When the session ends if the browser sends nothing more.")
    now: datetime = Field(description="The time of the server.")


class WayOut(BaseModel):
    """Where the browser goes after signing out."""

    to: str = Field(
        description="The address: it ends the sign-in at the issuer too.", examples=["http://localhost:8100/"]
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes that the document has."""

    @routes.get("/session", tags=["session"])
    async def get_session(request: Request) -> SignedIn | SignedOut:
        """Who is signed in in this browser. It needs no header, and nobody needs to be signed in."""
        session = await at.sessions.of(session_cookie(request))
        if session is None:
            return SignedOut(signed_in=False)
        who = session.who
        return SignedIn(
            signed_in=True, subject=who.subject, name=who.name, roles=sorted(who.roles), until=session.until, now=at.clock()
        )  # fmt: skip

    @routes.post("/session/sign-out", tags=["session"], responses=problems(400, 403))
    async def end_session(request: Request, response: Response, _header: OurHeader = None) -> WayOut:
        """Ends the session, its streams and its tokens; who is signed out already stays so."""
        require_page(request)
        session = await at.sessions.of(session_cookie(request))
        if session is not None:
            await at.sessions.sign_out(session)
        response.headers.append("set-cookie", set_cookie(SESSION_COOKIE, "", same_site="Strict", max_age=0))
        return WayOut(to=await at.issuer.signed_out())

    _ = (get_session, end_session)


def add_navigation(app: FastAPI, at: Api) -> None:
    """Adds the two addresses between which the issuer stands. They answer with redirects only.

    After a sign-in that failed the page is opened with `sign_in`: `refused`, `expired` or `unavailable`.
    """

    async def sign_in(request: Request) -> Response:
        to = local_path(request.query_params.get("to"))
        try:
            url, remembered = await at.issuer.begin(to)
        except IssuerAwayError as error:
            return _failed("unavailable", error)
        lasts = int(SIGN_IN_LASTS.total_seconds())
        cookie = at.sessions.remember(remembered)
        return _redirect(url, set_cookie(SIGN_IN_COOKIE, cookie, same_site="Lax", max_age=lasts))

    async def callback(request: Request) -> Response:
        cookies = cookies_of(request.headers.get("cookie"))
        remembered = at.sessions.remembered(cookies.get(SIGN_IN_COOKIE))
        if remembered is None:
            return _failed("expired")
        try:
            who, granted = await at.issuer.complete(remembered, dict(request.query_params))
        except RefusedError as error:
            return _failed("refused", error)
        except IssuerAwayError as error:
            return _failed("unavailable", error)
        cookie = await at.sessions.begin(who, granted)
        return _redirect(
            remembered["to"],
            set_cookie(SESSION_COOKIE, cookie, same_site="Strict"),
            set_cookie(SIGN_IN_COOKIE, "", same_site="Lax", max_age=0),
        )

    app.add_route("/session/sign-in", sign_in, include_in_schema=False)
    app.add_route(CALLBACK, callback, include_in_schema=False)


def _failed(why: str, error: Exception | None = None) -> Response:
    LOG.warning("nobody was signed in", result=why, reason=str(error) if error else None)
    return _redirect(f"/?sign_in={why}")


def _redirect(to: str, *cookies: str) -> Response:
    response = RedirectResponse(to, 303, headers={"Referrer-Policy": "no-referrer"})
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response
