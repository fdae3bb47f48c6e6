"""The table of connections in a service's migrations; apart from `store`, since no running service loads Alembic."""

from alembic import op

from antiphon.connections.store import connection_table
from antiphon.postgres.engine import metadata


def create_connections_v1() -> None:
    """Creates the table of connections. Called by a revision of each service that connects to others."""
    tables = metadata()
    tables.create_all(op.get_bind(), tables=[connection_table(tables)], checkfirst=False)
