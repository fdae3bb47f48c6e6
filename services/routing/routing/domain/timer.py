"""What timers are set for."""

from enum import StrEnum


class TimerKind(StrEnum):
    """What happens when a timer of it is due. When a pause is over, the assignment looks again at what waits."""

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
