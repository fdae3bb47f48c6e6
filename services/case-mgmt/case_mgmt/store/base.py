"""The metadata to which each module of the store adds its tables."""

from antiphon.postgres.engine import metadata
from antiphon.postgres.plumbing import plumbing_tables

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
