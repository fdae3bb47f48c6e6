"""Acknowledgements: which of the replies are automatic, and for which opening of the queue each was sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.personal_data import personal
from antiphon.postgres.query import fetch
from antiphon.postgres.writes import Writes
from case_mgmt.domain.acknowledgements import Acknowledgement
from case_mgmt.store.base import METADATA

# `opens_at`: when the queue that was closed opens again.
ACKNOWLEDGEMENT = Table(
    "acknowledgement",
    METADATA,
    Column("reply_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("opens_at", DateTime(timezone=True)),
    Column("recipient", Text),
    Index("acknowledgement_case_id_ix", "case_id"),
    Index("acknowledgement_customer_id_ix", "customer_id", "requested_at"),
    Index(
        "acknowledgement_recipient_ix",
        "recipient",
        "requested_at",
        postgresql_where=text("recipient is not null"),
    ),
    info=personal(by={"customer_id": ["recipient"]}),
)

_COLUMNS = ", ".join(Acknowledgement._fields)
EARLIER = text(
    f"select {_COLUMNS} from acknowledgement where case_id = any(:ids) "
    f"union select {_COLUMNS} from acknowledgement where customer_id = any(:customers) and requested_at > :since "
    f"union select {_COLUMNS} from acknowledgement where recipient = any(:recipients) and requested_at > :since"
).bindparams(
    bindparam("ids", type_=ARRAY(PG_UUID(as_uuid=True))),
    bindparam("customers", type_=ARRAY(PG_UUID(as_uuid=True))),
    bindparam("recipients", type_=ARRAY(TEXT)),
    bindparam("since", type_=DateTime(timezone=True)),
)


async def earlier(
    tx: AsyncConnection,
    case_ids: Sequence[UUID],
    customer_ids: Sequence[UUID],
    recipients: Sequence[str],
    since: datetime,
) -> list[Acknowledgement]:
    """All acknowledgements on these cases, and those to these customers and addresses (keys of identifiers) after `since`."""
    if not case_ids:
        return []
    given = {
        "ids": list(case_ids),
        "customers": list(customer_ids),
        "recipients": list(recipients),
        "since": since,
    }
    return [Acknowledgement(*row) for row in await fetch(tx, EARLIER, given)]


def add(writes: Writes, acknowledgements: Mapping[UUID, Acknowledgement]) -> None:
    """Adds acknowledgements, by the ids of their replies."""
    writes.insert(
        ACKNOWLEDGEMENT,
        [{"reply_id": reply_id, **one._asdict()} for reply_id, one in acknowledgements.items()],
    )
