"""What a configuration decides about work: pure, so that a draft can be tried on what was decided before."""

from typing import Any, NamedTuple

from routing.domain.configuration import Configuration
from routing.domain.rules import Context, Outcome, decide


class Verdict(NamedTuple):
    """Where work goes and how: the rule that decided, with its reason, and what every rule said."""

    rule: str
    reason: str
    queue: str
    priority: int
    skills: dict[str, int]
    sla_policy: str
    trace: list[Outcome]

    @property
    def outcome(self) -> dict[str, Any]:
        """What was decided, without how: what is kept of a decision, and compared when a draft is tried on it."""
        told = ("rule", "reason", "trace")
        return {name: value for name, value in self._asdict().items() if name not in told}


def verdict(configuration: Configuration, context: Context) -> Verdict:
    """What the rules say about one context."""
    return settled(configuration, *decide(configuration.conditions, context))


def settled(configuration: Configuration, place: int | None, trace: list[Outcome]) -> Verdict:
    """What follows when the rule at `place` is the first that holds.

    Work that no rule catches waits in the first queue, for people to see.
    """
    queues = configuration.queues
    if place is None:
        queue = next(iter(queues))
        reason = f"no rule matched, so it waits in {queue}"
        return Verdict("(no rule matched)", reason, queue, 0, {}, queues[queue].sla_policy, trace)
    matched = configuration.rules[place]
    then = matched.then
    policy = then.sla_policy or queues[then.queue].sla_policy
    reason = f"first rule that holds: {matched.when.strip()}"
    return Verdict(matched.name, reason, then.queue, then.priority, dict(then.skills), policy, trace)
