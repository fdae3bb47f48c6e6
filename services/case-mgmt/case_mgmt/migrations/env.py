"""Runs this service's revisions."""

from antiphon.postgres.migrations import run_env
from case_mgmt.store import METADATA

run_env(METADATA)
