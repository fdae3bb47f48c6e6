"""Runs this service's revisions."""

from antiphon.postgres.migrations import run_env
from routing.store import METADATA

run_env(METADATA)
