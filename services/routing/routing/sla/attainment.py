"""Attainment: counts of the clocks that were decided in a period, by whether the target was kept."""

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
    """Counts the clocks decided from `since` to before `until`: `kept`, `missed` and `cancelled`, by target and by `by`.

    A clock is decided when it is breached, else when it is met or cancelled; a breached one is missed whatever follows.
    `period` groups the counts by the days, weeks or months of a time zone, each named by its first instant.
    """
    names = [*by, *(["period"] if period else [])]
    start = f", date_trunc('{period}', decided_at, cast(:zone as text)) as period" if period else ""
    grouped = "".join(f", {name}" for name in names)
    statement = text(
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
    parameters = {"since": since, "until": until} | ({"zone": zone} if period else {})
    return (await tx.execute(statement, parameters)).all()
