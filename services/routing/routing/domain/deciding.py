"""What a configuration decides about work: pure, so that a draft can be tried on what was decided before."""

from typing import NamedTuple

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


def verdict(configuration: Configuration, context: Context) -> Verdict:
    """What the rules say about one context. Work that no rule catches waits in the first queue, for people to see."""
    place, trace = decide(configuration.conditions, context)
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
