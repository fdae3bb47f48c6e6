"""The metadata that all tables of customer-profile are in."""

from antiphon.postgres.engine import metadata
from antiphon.postgres.plumbing import plumbing_tables

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
