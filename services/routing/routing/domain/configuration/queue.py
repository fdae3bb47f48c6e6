"""What can be wrong with queues: unknown SLA policies and calendars."""

from collections.abc import Iterable, Mapping

from antiphon.organisation.calendar import Calendar
from antiphon.organisation.document import Document, Fault
from antiphon.organisation.queue import Queue
from antiphon.organisation.sla_policy import SlaPolicy
from routing.domain.configuration.section import unknown


def faults(
    document: Document,
    queues: Mapping[str, Queue],
    policies: Mapping[str, SlaPolicy],
    calendars: Mapping[str, Calendar],
) -> Iterable[Fault]:
    """Yields unknown SLA policies and calendars."""
    for key, queue in queues.items():
        yield from unknown(document, ("queues", key, "sla_policy"), "SLA policy", queue.sla_policy, policies)
        yield from unknown(document, ("queues", key, "hours"), "calendar", queue.hours, calendars)
