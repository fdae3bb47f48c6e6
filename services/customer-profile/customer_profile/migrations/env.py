"""Runs this service's revisions."""

from antiphon.postgres.migrations import run_env
from customer_profile.store import METADATA

run_env(METADATA)
