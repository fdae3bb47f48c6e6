"""Runs this service's revisions."""

from antiphon.postgres.migrations import run_env
from ingest_social.store import METADATA

run_env(METADATA)
