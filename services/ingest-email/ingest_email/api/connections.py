"""The mailboxes of our addresses: whether each is read, and the passwords with which."""

from fastapi import APIRouter

from antiphon.connections import routes as shared
from ingest_email.api.parameters import Api


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""
    shared.add(routes, at.engine, at.connections)
