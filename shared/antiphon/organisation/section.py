"""What all sections of the organisation's document share: their base, durations, levels and labels."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

_DURATION = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Section(BaseModel):
    """A part of the file. Keys that it does not have are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def duration(text: object) -> timedelta:
    """Reads a duration: `30s`, `15m`, `4h` or `2d`. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ValueError("must be a duration like 30s, 15m, 4h or 2d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise ValueError("is longer than a duration can be") from error


def shown(value: timedelta) -> str:
    """Returns a duration as it is written in a document: `15m`."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


_Written = Annotated[
    str, Field(pattern=r"^\s*\d+\s*[smhd]\s*$", examples=["30s", "15m", "4h", "2d"], title="Duration")
]
Duration = Annotated[
    timedelta,
    BeforeValidator(duration, json_schema_input_type=_Written),
    PlainSerializer(shown, when_used="json"),
]
Level = Annotated[int, Field(ge=1, le=10)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True)]
