"""The table of who eases in."""

from sqlalchemy import Column, DateTime, Integer, Interval, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from antiphon.postgres.personal_data import personal


def ease_in_table(of: MetaData) -> Table:
    """Adds it: who was away for long is offered at most so many items in a time, until then; when they were offered some."""
    return Table(
        "ease_in",
        of,
        Column("agent_id", Text, primary_key=True),
        Column("until", DateTime(timezone=True), nullable=False),
        Column("most", Integer, nullable=False),
        Column("per", Interval, nullable=False),
        Column("offered", ARRAY(DateTime(timezone=True)), nullable=False),
        info=personal(
            none=["offered"],
            staff=["agent_id"],
        ),
    )
