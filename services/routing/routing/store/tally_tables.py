"""Tables of kept counts, and of surges that were noticed by them."""

from sqlalchemy import Column, DateTime, Float, Index, Integer, MetaData, Table, Text, Uuid, text

from antiphon.postgres.personal_data import personal


def tally_tables(of: MetaData) -> tuple[Table, Table, Table]:
    """Adds them: counts that are added up, notes that are not yet, and surges."""
    # How many work items of a queue stand where (`minute` is the epoch) or came and went in a minute.
    tally = Table(
        "tally",
        of,
        Column("minute", DateTime(timezone=True), primary_key=True),
        Column("queue", Text, primary_key=True),
        Column("what", Text, primary_key=True),
        Column("count", Integer, nullable=False),
        info=personal(none=["queue", "what"]),
    )
    tally_change = Table(
        "tally_change",
        of,
        Column("minute", DateTime(timezone=True), nullable=False),
        Column("queue", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("count", Integer, nullable=False),
        info=personal(none=["queue", "what"]),
    )
    # Of a queue or of a label.
    surge = Table(
        "surge",
        of,
        Column("surge_id", Uuid, primary_key=True),
        Column("queue", Text),
        Column("label", Text),
        Column("began_at", DateTime(timezone=True), nullable=False),
        Column("arrived", Integer, nullable=False),
        Column("expected", Float, nullable=False),
        Column("ended_at", DateTime(timezone=True)),
        Index("surge_one_a_queue_key", "queue", unique=True, postgresql_where=text("ended_at is null")),
        Index("surge_one_a_label_key", "label", unique=True, postgresql_where=text("ended_at is null")),
        info=personal(none=["queue", "label"]),
    )
    return tally, tally_change, surge
