"""The HTTP door of routing: agents and their offers, work and why it is where it is, queues, configuration."""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from antiphon.http.changes import ChangeFeed
from antiphon.http.permissions import Guarded
from antiphon.process.clock import Clock
from routing.api import (
    agents,
    configuration,
    desks,
    drafts,
    live,
    publications,
    queues,
    reconciliation,
    service_levels,
    shadows,
    trials,
    work,
)
from routing.api.views import Routing
from routing.configuration.active import Configurations
from routing.queues.live import Live


def router(engine: AsyncEngine, feed: ChangeFeed, clock: Clock, configurations: Configurations) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=Guarded)
    at = Routing(engine, feed, clock, configurations, Live(engine, configurations, clock))
    for part in (
        agents,
        work,
        desks,
        queues,
        live,
        reconciliation,
        configuration,
        drafts,
        publications,
        shadows,
        trials,
        service_levels,
    ):
        part.add(routes, at)
    return routes
