"""The HTTP API of ingest-direct, for staff and for other systems."""

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import Guarded
from antiphon.process.clock import Clock
from antiphon.service_names import INGEST_DIRECT
from ingest_direct.api import attachments, counts, interactions, replies
from ingest_direct.api.parameters import Api

# The most bytes that a form may have around its file.
FORM_BYTES = 64 * 1024


def application(
    engine: AsyncEngine,
    access: Access,
    feed: ChangeFeed,
    clock: Clock,
    organisation: ActiveOrganisation,
    *,
    max_attachment_bytes: int,
) -> FastAPI:
    """The whole HTTP application."""
    app = create_app(
        title="Antiphon ingest-direct",
        service=INGEST_DIRECT,
        description="Calls, letters, visits, web forms, chats and partners' messages come in; replies to them go out.",
        engine=engine,
        access=access,
        package="ingest_direct",
        limits={"/attachments": max_attachment_bytes + FORM_BYTES},
    )
    app.include_router(router(Api(engine, feed, clock, organisation, max_attachment_bytes)))
    return app


def router(at: Api) -> APIRouter:
    """The routes. An operation's id is the name of its function."""
    routes = APIRouter(route_class=Guarded)
    for resource in (interactions, attachments, replies, counts):
        resource.add(routes, at)
    failed_events.add(routes, at.engine)
    return routes
