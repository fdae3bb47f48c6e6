"""The terms of a clock by an SLA policy, and what can be wrong with a policy."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from antiphon.contracts.interactions import Channel
from antiphon.contracts.work import SlaTarget
from antiphon.organisation.calendar import Calendar
from antiphon.organisation.document import Document, Fault, Place
from antiphon.organisation.sla_policy import AGENT, SUPERVISORS, SlaPolicy, Target, Targets
from routing.domain.configuration.calendar import build
from routing.domain.configuration.section import unknown
from routing.domain.time.business_calendar import BeyondHorizonError
from routing.domain.time.sla_clock import Terms

LONGEST_WAIT = timedelta(days=2 * 365)
_SAMPLE_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def terms(
    policies: Mapping[str, SlaPolicy], policy: str, kind: SlaTarget, channel: str, priority: int, version: int
) -> Terms | None:
    """Returns the terms of a clock of a kind; None when the policy has no such target."""
    target = policies[policy].target(kind, channel, priority)
    if target is None:
        return None
    return Terms(policy, target.calendar, target.within, tuple(policies[policy].warn_at), version)


def faults(
    document: Document,
    policies: Mapping[str, SlaPolicy],
    calendars: Mapping[str, Calendar],
    queues: Mapping[str, object],
    agents: Mapping[str, object],
) -> Iterable[Fault]:
    """Yields unknown calendars, channels, queues and people, and targets that a calendar does not reach in time."""
    channels = {channel.value: channel for channel in Channel}
    people = {AGENT: 0, SUPERVISORS: 0, **agents}
    for name, policy in policies.items():
        path: Place = ("sla_policies", name)
        yield from _targets(document, path, policy, calendars)
        for place, special in enumerate(policy.targets):
            at = (*path, "targets", place)
            yield from unknown(document, (*at, "channel"), "channel", special.channel, channels)
            yield from _targets(document, at, special, calendars)
            if special.channel is None and special.priority is None:
                yield document.fault(
                    at, "needs a channel or a priority: without them, set the policy's own targets"
                )
        for when, then in (("on_warning", policy.on_warning), ("on_breach", policy.on_breach)):
            yield from unknown(document, (*path, when, "queue"), "queue", then.queue, queues)
            for at, who in enumerate(then.notify):
                yield from unknown(document, (*path, when, "notify", at), "person", who, people)


def _targets(
    document: Document, path: Place, section: Targets, calendars: Mapping[str, Calendar]
) -> Iterable[Fault]:
    for kind in SlaTarget:
        if (target := section.of(kind)) is None:
            continue
        at = (*path, kind.replace("-", "_"))
        yield from unknown(document, (*at, "calendar"), "calendar", target.calendar, calendars)
        calendar = calendars.get(target.calendar)
        if calendar is not None and not _in_time(calendar, target):
            message = f"must be over within {LONGEST_WAIT.days} days by the calendar {target.calendar!r}"
            yield document.fault((*at, "within"), message)


def _in_time(calendar: Calendar, target: Target) -> bool:
    try:
        return build(calendar).add(_SAMPLE_DAY, target.within) <= _SAMPLE_DAY + LONGEST_WAIT
    except (BeyondHorizonError, OverflowError):
        return False
    # An unknown zone or country, or wrong hours: the calendar's own faults report it.
    except (ValueError, KeyError, OSError, NotImplementedError):
        return True
