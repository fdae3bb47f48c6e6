"""The HTTP API of ingest-email: mails as they came, their files, replies that leave by mail, and counts."""

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.connections.routes import Connections
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.permissions import Guarded
from antiphon.service_names import INGEST_EMAIL
from ingest_email.api import attachments, connections, counts, mails, replies
from ingest_email.api.parameters import Api
from ingest_email.domain.accounts import MailConnection


def router(at: Api) -> APIRouter:
    """The routes. The operation id of each is the name of its function."""
    routes = APIRouter(route_class=Guarded)
    for resource in (mails, attachments, replies, connections, counts):
        resource.add(routes, at)
    failed_events.add(routes, at.engine)
    return routes


def application(engine: AsyncEngine, access: Access, connections: Connections[MailConnection]) -> FastAPI:
    """The whole HTTP application."""
    app = create_app(
        title="Antiphon: email",
        service=INGEST_EMAIL,
        description="Mails as they came, their files, and the replies that leave by mail.",
        engine=engine,
        access=access,
        package="ingest_email",
    )
    app.include_router(router(Api(engine, connections)))
    return app
