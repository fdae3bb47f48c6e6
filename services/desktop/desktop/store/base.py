"""The metadata that all tables of the desktop's back end are in."""

from antiphon.postgres.engine import metadata
from antiphon.postgres.plumbing import idempotency_keys

METADATA = metadata()
IDEMPOTENCY_KEY = idempotency_keys(METADATA)
