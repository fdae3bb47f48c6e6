"""Alerts: what supervisors are shown at once."""

from pydantic import Field

from antiphon.organisation.section import Section


class Alerts(Section):
    """What supervisors are shown at once, besides what every change shows them."""

    raised_priority: int | None = Field(
        default=90,
        ge=0,
        le=100,
        description="Later words that raise work to this priority or above. Null: none.",
    )
