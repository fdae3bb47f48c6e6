"""The HTTP API of routing: agents and their offers, work and why it is where it is, queues, configuration."""

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.access.tokens import Access
from antiphon.http import failed_events
from antiphon.http.app import create_app
from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import Guarded
from antiphon.process.clock import Clock
from antiphon.service_names import ROUTING
from routing.api import (
    agents,
    attainment,
    calendars,
    changes,
    clocks,
    colleagues,
    conditions,
    configuration,
    counts,
    drafts,
    live,
    offers,
    publications,
    queues,
    reconciliation,
    shadows,
    stuck_work,
    trials,
    versions,
    work,
    work_counts,
)
from routing.api.parameters import Api
from routing.configuration.active import Configurations
from routing.configuration.rule_checker import RuleChecker
from routing.queues.live import Live

RESOURCES = (
    agents,
    colleagues,
    offers,
    work_counts,
    stuck_work,
    work,
    queues,
    live,
    changes,
    counts,
    reconciliation,
    configuration,
    conditions,
    calendars,
    versions,
    drafts,
    publications,
    shadows,
    trials,
    clocks,
    attainment,
)


def application(
    engine: AsyncEngine, access: Access, feed: ChangeFeed, clock: Clock, configurations: Configurations
) -> FastAPI:
    """The HTTP application of routing."""
    app = create_app(
        title="Antiphon routing",
        service=ROUTING,
        description="Rules put work into queues, SLA clocks run, and agents who are present are offered work.",
        engine=engine,
        access=access,
        package="routing",
    )
    app.include_router(router(engine, feed, clock, configurations))
    return app


def router(engine: AsyncEngine, feed: ChangeFeed, clock: Clock, configurations: Configurations) -> APIRouter:
    """The routes of all resources."""
    routes = APIRouter(route_class=Guarded)
    live_state = Live(engine, configurations, clock)
    at = Api(engine, feed, clock, configurations, live_state, RuleChecker())
    for resource in RESOURCES:
        resource.add(routes, at)
    failed_events.add(routes, engine)
    return routes
