"""The HTTP API of case-mgmt, one file a resource.

All staff see every case. Walls between departments would be a policy of their own.
"""

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import Guarded
from antiphon.process.clock import Clock
from antiphon.service_names import CASE_MGMT
from case_mgmt.api import cases, changes, counts, here, notes, replies
from case_mgmt.api.parameters import Api


def application(
    engine: AsyncEngine, access: Access, feed: ChangeFeed, clock: Clock, *, token_secret: str
) -> FastAPI:
    """The application of case-mgmt. `token_secret` signs case tokens."""
    app = create_app(
        title="Antiphon case-mgmt",
        service=CASE_MGMT,
        description="Cases: what customers want, all that was said and done about it, and the replies.",
        engine=engine,
        access=access,
        package="case_mgmt",
    )
    app.include_router(router(engine, feed, clock, token_secret=token_secret))
    return app


def router(engine: AsyncEngine, feed: ChangeFeed, clock: Clock, *, token_secret: str) -> APIRouter:
    """The routes of all resources."""
    routes = APIRouter(route_class=Guarded)
    at = Api(engine, feed, clock, token_secret)
    for resource in (cases, replies, notes, here, counts, changes):
        resource.add(routes, at)
    failed_events.add(routes, engine)
    return routes
