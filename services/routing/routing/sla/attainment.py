"""What was promised and kept: clocks that were decided in a period, counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow

By = Literal["queue", "channel", "policy"]
Period = Literal["day", "week", "month"]


async def attainment(
    tx: AsyncConnection, by: Sequence[By], since: datetime, until: datetime, period: Period | None, zone: str
) -> Sequence[AnyRow]:
    """Clocks decided from `since` to before `until`, by target and by what is asked: `kept`, `missed`, `cancelled`.

    A clock is decided when it runs out, or else when it is met or cancelled; one that ran out is missed whatever came of
    it later. `period` parts them by the days, weeks or months of a time zone, by their first instant.
    """
    names = [*by, *(["period"] if period else [])]
    start = f", date_trunc('{period}', decided_at, cast(:zone as text)) as period" if period else ""
    grouped = "".join(f", {name}" for name in names)
    asked = text(
        f"""
        select target{grouped},
            count(*) filter (where breached_at is null and met_at is not null) as kept,
            count(*) filter (where breached_at is not null) as missed,
            count(*) filter (where breached_at is null and cancelled_at is not null) as cancelled
        from (select *{start} from clock where decided_at >= :since and decided_at < :until) c
        group by target{grouped} order by target{grouped}
        """
    ).bindparams(
        bindparam("since", type_=DateTime(timezone=True)), bindparam("until", type_=DateTime(timezone=True))
    )
    given = {"since": since, "until": until} | ({"zone": zone} if period else {})
    return (await tx.execute(asked, given)).all()
