"""How much this service has recorded."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow

_COUNTS = text(
    """
    select (select count(*) from interaction) as interactions, (select count(*) from customer) as customers,
           (select count(*) from identifier) as identifiers, (select count(*) from identifier_conflict) as conflicts,
           (select count(*) from dead_letter where replayed_at is null) as dead_letters
    """
)


async def read(connection: AsyncConnection) -> AnyRow:
    """Counts of interactions, customers, identifiers, conflicts, and dead letters that were not replayed."""
    return (await connection.execute(_COUNTS)).one()
