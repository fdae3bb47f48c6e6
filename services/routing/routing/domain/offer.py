"""Offers, the reservations of work for an agent, as frozen values. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from antiphon.contracts.work import Offer


class OfferResult(StrEnum):
    """How an offer ended. A pending offer has no result."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TIMED_OUT = "timed-out"
    WITHDRAWN = "withdrawn"
    TAKEN_BACK = "taken-back"
    HANDED_ON = "handed-on"


REFUSALS = (OfferResult.DECLINED, OfferResult.TIMED_OUT, OfferResult.TAKEN_BACK, OfferResult.HANDED_ON)
"""The results after which other agents are offered the work before the same agent is again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    """An offer of a work item to an agent. The fields are the columns of its row.

    `directed`: a person chose the agent. `extensions`: how often the agent extended it.
    """

    offer_id: UUID
    work_item_id: UUID
    agent_id: str
    agent_name: str
    offered_at: datetime
    expires_at: datetime
    result: OfferResult | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    directed: bool = False
    extensions: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "OfferRecord":
        """Returns the offer of a row that has all columns. Raises ValueError for an unknown result."""
        columns = {name: row[name] for name in _COLUMNS}
        columns["result"] = None if row["result"] is None else OfferResult(row["result"])
        return cls(**columns)

    def row(self) -> Mapping[str, object]:
        """Returns its row."""
        return {name: getattr(self, name) for name in _COLUMNS}

    def ended(self, result: OfferResult, at: datetime, reason: str | None = None) -> "OfferRecord":
        """Returns the offer after it was answered, expired or withdrawn."""
        return dataclasses.replace(self, result=result, ended_at=at, reason=reason)

    def extended(self, by: timedelta) -> "OfferRecord":
        """Returns the offer after its agent extended it once more."""
        return dataclasses.replace(self, expires_at=self.expires_at + by, extensions=self.extensions + 1)

    def facts(self) -> Offer:
        """Returns the offer as events carry it."""
        return Offer(
            offer_id=self.offer_id,
            agent_id=self.agent_id,
            agent_name=self.agent_name,
            expires_at=self.expires_at,
        )


_COLUMNS = tuple(field.name for field in dataclasses.fields(OfferRecord))
