"""Overflow: where work goes when its queue is closed or full."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from antiphon.organisation.section import Duration, Section

NEVER = "never"  # as the overflow of a rule: its work stays in its queue


class OutsideHours(Section):
    """What happens to work while the queue is closed: the queue holds it, or it goes to `overflow`.

    `acknowledge` is the text that the customer gets at once, on their own channel, when the queue holds their work.
    """

    overflow: str | None = None
    """The queue to which new work goes meanwhile. Default: the queue holds it."""
    acknowledge: str | None = Field(default=None, min_length=1, max_length=2000)
    """The text that a customer gets at once, on their own channel. Default: none."""


class Limit(Section):
    """The most that the queue takes: items that wait, or the expected wait. Beyond it, new work goes to `overflow`."""

    waiting: int | None = Field(None, ge=1, le=1_000_000)
    """The most items that wait."""
    wait: Duration | None = Field(None, ge=timedelta(seconds=1))
    """The longest expected wait."""
    overflow: str
    """The queue to which new work goes beyond it."""


def _outside(value: object) -> object:
    return {} if value == "hold" else value


Outside = Annotated[
    OutsideHours, BeforeValidator(_outside, json_schema_input_type=OutsideHours | Literal["hold"])
]
