"""Service levels: what customers are promised."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from antiphon.organisation import Document, Fault, Section
from routing.domain.calendar import BeyondHorizonError
from routing.domain.sections.base import Duration, unknown
from routing.domain.sections.calendars import Calendar

LONGEST_WAIT = timedelta(days=2 * 365)
_SAMPLE_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Target(Section):
    """How soon, by which calendar."""

    within: Duration
    calendar: str


class SlaPolicy(Section):
    """What customers are promised."""

    name: str
    first_response: Target


def faults(
    document: Document, policies: Mapping[str, SlaPolicy], calendars: Mapping[str, Calendar]
) -> Iterable[Fault]:
    """Unknown calendars, and targets that a calendar never reaches: found here, not at every case that is queued."""
    for name, policy in policies.items():
        target = policy.first_response
        path = ("sla_policies", name, "first_response")
        yield from unknown(document, (*path, "calendar"), "calendar", target.calendar, calendars)
        calendar = calendars.get(target.calendar)
        if calendar is not None and not _in_time(calendar, target):
            told = f"must be over within {LONGEST_WAIT.days} days by the calendar {target.calendar!r}"
            yield document.fault((*path, "within"), told)


def _in_time(calendar: Calendar, target: Target) -> bool:
    try:
        return calendar.build().add(_SAMPLE_DAY, target.within) <= _SAMPLE_DAY + LONGEST_WAIT
    except (BeyondHorizonError, OverflowError):
        return False
    # A zone, hours or a country that there is not: the calendar's own fault.
    except (ValueError, KeyError, OSError, NotImplementedError):
        return True
