"""The metadata that all tables of ingest-direct are in."""

from antiphon.delivery.entry_counts import delivery_table
from antiphon.postgres.engine import metadata
from antiphon.postgres.plumbing import plumbing_tables

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)
