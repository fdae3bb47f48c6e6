"""The kinds of timers."""

from enum import StrEnum


class TimerKind(StrEnum):
    """What happens when a timer is due. When a wrap-up or a hold is over, the assignment looks at the waiting work again."""

    OFFER_EXPIRY = "offer-expiry"
    SLA_CLOCK = "sla-clock"
    STEP = "step"
    PRESENCE_LOST = "presence-lost"
    REVIEW = "review"
    PUBLICATION_BEGINS = "publication-begins"
    PUBLICATION_WIDENS = "publication-widens"
    PUBLICATION_ENDS = "publication-ends"
    WRAP_UP = "wrap-up"
    HOLD = "hold"
