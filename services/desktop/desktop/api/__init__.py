"""The HTTP applications of the desktop's back end: one for browsers, one for programs, and its own API behind both."""

import sys
from datetime import timedelta
from typing import NamedTuple

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware import Middleware

from antiphon.access.tokens import Access
from antiphon.http.app import create_app
from antiphon.http.permissions import Guarded
from antiphon.process.clock import Clock
from antiphon.service_names import DESKTOP
from desktop.api import api_keys, changes, document, pages, proxy, session, token, violations
from desktop.api.gate import Gate, Limits
from desktop.api.parameters import Api
from desktop.api_keys.signing import TOKEN_LIFE, SigningKeys
from desktop.documents import Documents
from desktop.streams.services import Services


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
        has_document=False,
    )
    routes = APIRouter(route_class=Guarded)
    session.add(routes, at)
    changes.add(routes, at)
    app.include_router(routes)
    session.add_navigation(app, at)
    violations.add(app)
    document.add(app, at.documents, {"X-Antiphon": "1"})
    proxy.add(app, at)
    pages.add(app, at.settings.pages)
    return app


class Programs(NamedTuple):
    """What the API port works with."""

    services: Services
    documents: Documents
    signing: SigningKeys
    limits: Limits
    clock: Clock
    streams_last: timedelta = TOKEN_LIFE


def for_programs(engine: AsyncEngine, access: Access, at: Programs) -> FastAPI:
    """The application of the API port: tokens for API keys, and the services' APIs for programs."""
    app = create_app(
        title="Antiphon",
        service=DESKTOP,
        description="All APIs for programs.",
        engine=engine,
        access=access,
        package="desktop",
        limits={"/api/": sys.maxsize},
        has_document=False,
    )
    token.add(app, engine, at.signing, at.clock)
    document.add(app, at.documents)
    proxy.add_for_programs(app, at.services, at.streams_last)
    # The innermost: what it refuses is counted and traced as well.
    app.user_middleware.append(Middleware(Gate, access=access, limits=at.limits, public=document.PATHS))
    return app


def own(engine: AsyncEngine, access: Access, clock: Clock) -> FastAPI:
    """The desktop's own API, which both ports pass requests on to as to those of the services."""
    app = create_app(
        title="Antiphon desktop",
        service=DESKTOP,
        description="API keys: programs exchange them for tokens.",
        engine=engine,
        access=access,
        package="desktop",
    )
    routes = APIRouter(route_class=Guarded)
    api_keys.add(routes, engine, clock)
    app.include_router(routes)
    return app
