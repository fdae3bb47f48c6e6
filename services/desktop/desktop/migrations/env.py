"""Runs this service's revisions."""

from antiphon.postgres.migrations import run_env
from desktop.store import METADATA

run_env(METADATA)
