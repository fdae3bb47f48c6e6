"""The metadata that all tables of ingest-email are in, with the tables that other services have, too."""

from antiphon.connections.store import connection_table
from antiphon.delivery.entry_counts import delivery_table
from antiphon.delivery.store import delivery_tables
from antiphon.postgres.engine import metadata
from antiphon.postgres.plumbing import plumbing_tables

METADATA = metadata()
PLUMBING = plumbing_tables(METADATA)
DELIVERY = delivery_table(METADATA)
CONNECTION = connection_table(METADATA)
OUTGOING = delivery_tables(METADATA)
