"""The tables of delivery in a service's migrations; apart from `store`, since no running service loads Alembic."""

from alembic import op

from antiphon.delivery.store import delivery_tables
from antiphon.postgres.engine import metadata


def create_delivery_v1() -> None:
    """Creates the tables of delivery, and the trigger that wakes the sender. Called by a revision of each service that sends replies."""
    tables = metadata()
    tables.create_all(op.get_bind(), tables=list(delivery_tables(tables)), checkfirst=False)
    op.execute(
        "create trigger outgoing_reply_notify after insert on outgoing_reply "
        "for each statement execute function notify_of_insert()"
    )
