"""The HTTP API of customer-profile: customers, their identifiers, their timelines."""

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.active_organisation import ActiveOrganisation
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import Guarded
from antiphon.process.clock import Clock
from antiphon.service_names import CUSTOMER_PROFILE
from customer_profile.api import changes, conflicts, counts, customers, identifiers, interactions
from customer_profile.api.parameters import Api


def application(
    engine: AsyncEngine, access: Access, feed: ChangeFeed, clock: Clock, organisation: ActiveOrganisation
) -> FastAPI:
    """The whole HTTP application."""
    app = create_app(
        title="Antiphon customer-profile",
        service=CUSTOMER_PROFILE,
        description="One record for each customer, found by exact identifiers, with all their interactions.",
        engine=engine,
        access=access,
        package="customer_profile",
    )
    app.include_router(router(Api(engine, feed, clock, organisation)))
    return app


def router(at: Api) -> APIRouter:
    """The routes. An operation's id is the name of its function."""
    routes = APIRouter(route_class=Guarded)
    for resource in (customers, identifiers, interactions, conflicts, counts, changes):
        resource.add(routes, at)
    failed_events.add(routes, at.engine)
    return routes
