"""Creates the table of the connections of ingest-email."""

from antiphon.connections.migration import create_connections_v1

revision = "1003"
down_revision = "1002"


def upgrade() -> None:
    create_connections_v1()
