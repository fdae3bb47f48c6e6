"""Offers: how one ends."""

from enum import StrEnum


class OfferResult(StrEnum):
    """How an offer ended. One that is out has no result yet."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TIMED_OUT = "timed-out"
    WITHDRAWN = "withdrawn"
    TAKEN_BACK = "taken-back"


REFUSALS = (OfferResult.DECLINED, OfferResult.TIMED_OUT, OfferResult.TAKEN_BACK)
"""The results after which others are asked before the same agent is again."""
