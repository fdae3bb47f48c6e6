"""The HTTP API of ingest-social: posts as they came, their files, replies on networks, streams and counts."""

from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.connections.routes import Connections
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.permissions import Guarded
from antiphon.service_names import INGEST_SOCIAL
from ingest_social.accounts import Followed, SocialConnection
from ingest_social.api import attachments, connections, counts, posts, previews, replies, streams
from ingest_social.api.parameters import Api
from ingest_social.networks import Kind


def router(at: Api) -> APIRouter:
    """The routes. The operation id of each is the name of its function."""
    routes = APIRouter(route_class=Guarded)
    for resource in (posts, previews, attachments, replies, streams, connections, counts):
        resource.add(routes, at)
    failed_events.add(routes, at.engine)
    return routes


def application(
    engine: AsyncEngine,
    access: Access,
    followed: Callable[[], Sequence[Followed]],
    connections: Connections[SocialConnection],
    kinds: Mapping[str, Kind],
) -> FastAPI:
    """The whole HTTP application. `followed` lists our accounts as of now, `kinds` has the networks by name."""
    app = create_app(
        title="Antiphon: social networks",
        service=INGEST_SOCIAL,
        description="Posts of social networks that concern us, their files, and the replies that leave there.",
        engine=engine,
        access=access,
        package="ingest_social",
    )
    app.include_router(router(Api(engine, followed, connections, kinds)))
    return app
