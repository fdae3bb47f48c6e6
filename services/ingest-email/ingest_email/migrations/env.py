"""Runs the revisions of ingest-email."""

from antiphon.postgres.migrations import run_env
from ingest_email.store import METADATA

run_env(METADATA)
