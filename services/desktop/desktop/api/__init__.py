"""The two HTTP applications of the desktop's back end; this is the one for browsers."""

import sys

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.http.app import create_app
from antiphon.http.permissions import Guarded
from antiphon.service_names import DESKTOP
from desktop.api import changes, pages, proxy, session, violations
from desktop.api.parameters import Api


def application(engine: AsyncEngine, access: Access, at: Api) -> FastAPI:
    """The application of the page port: the pages, the session, and the services' APIs for the pages."""
    app = create_app(
        title="Antiphon desktop",
        service=DESKTOP,
        description="Signing in and out, and live changes for the pages. The services' APIs are below `/api/<service>/`.",
        engine=engine,
        access=access,
        package="desktop",
        # Of a request that is passed on the service has the limit.
        limits={"/api/": sys.maxsize, violations.PATH: violations.MAX_BYTES},
    )
    routes = APIRouter(route_class=Guarded)
    session.add(routes, at)
    changes.add(routes, at)
    app.include_router(routes)
    session.add_navigation(app, at)
    violations.add(app)
    proxy.add(app, at)
    pages.add(app, at.settings.pages)
    return app
