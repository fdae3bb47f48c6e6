"""Our accounts on networks: whether each is followed, and the passwords with which."""

from fastapi import APIRouter

from antiphon.connections import routes as shared
from ingest_social.api.parameters import Api


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""
    shared.add(routes, at.engine, at.connections)
