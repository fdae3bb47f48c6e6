"""Runs this service's revisions."""

from antiphon.postgres.migrations import run_env
from ingest_direct.store import METADATA

run_env(METADATA)
