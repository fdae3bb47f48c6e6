"""What a configuration decides about work: pure, so that a draft can be tried on what was decided before."""

from collections.abc import Sequence
from typing import NamedTuple

from routing.domain.configuration.document import Configuration
from routing.domain.configuration.rule import PRIORITY, Then
from routing.domain.rules.conditions import Context, Outcome, RuleResult, decide


class Verdict(NamedTuple):
    """Where work goes and how: the rule that decided, with its reason, and what every rule said.

    `rules` are all that took part, in order: those that went on, and the one that decided. Preferred skills and the
    preferred agent are better, not required. `moves`: the rule that decided asks about something, so it may move work that
    waits; `informed`: some rule that took part does. A rule that always holds says nothing about the words.
    """

    rule: str
    reason: str
    queue: str
    priority: int
    skills: dict[str, int]
    sla_policy: str
    trace: list[Outcome]
    labels: list[str]
    prefer_skills: dict[str, int]
    prefer_agent: str | None
    rules: list[str]
    overflow: str | None
    moves: bool
    informed: bool

    @property
    def outcome(self) -> dict[str, object]:
        """What was decided, without how: what is kept of a decision, and compared when a draft is tried on it."""
        how = ("rule", "reason", "trace", "rules", "overflow", "moves", "informed")
        return {name: value for name, value in self._asdict().items() if name not in how}


def verdict(configuration: Configuration, context: Context) -> Verdict:
    """What the rules say about one context. Work that no rule catches waits in the fallback queue, for people to see."""
    _, trace = decide(configuration.conditions, context)
    holds = sum(1 << place for place, outcome in enumerate(trace) if outcome.result is RuleResult.TRUE)
    return verdict_from(configuration, taking_part(configuration, holds), trace)


def taking_part(configuration: Configuration, holds: int) -> tuple[int, ...]:
    """The places of the rules that take part: all that go on, up to the first that does not.

    `holds` has a bit a rule, the lowest for the first: whether it holds.
    """
    places: list[int] = []
    while holds:
        place = (holds & -holds).bit_length() - 1
        places.append(place)
        if not configuration.rules[place].go_on:
            break
        holds &= holds - 1
    return tuple(places)


def verdict_from(configuration: Configuration, places: Sequence[int], trace: list[Outcome]) -> Verdict:
    """What follows when the rules at these places take part: later values win, labels and skills are merged."""
    queues = configuration.queues
    rules = [configuration.rules[place] for place in places]
    asks = [not configuration.conditions[place][1].always for place in places]
    merged = _merged([rule.then for rule in rules])
    decides = next((at for at in reversed(range(len(rules))) if rules[at].then.queue is not None), None)
    deciding = None if decides is None else rules[decides]
    others = [rule.name for rule in rules if rule is not deciding]
    # Whoever decides names a queue, so the merged one is named by the last that does.
    queue = merged.queue or configuration.fallback
    if deciding is None:
        name, priority = "(no rule matched)", 0
        reason = f"no rule matched, so it waits in {queue}"
    else:
        name, priority = deciding.name, PRIORITY
        reason = f"first rule that holds: {deciding.when.strip()}"
    if others:
        reason += f"; also {', '.join(repr(other) for other in others)}, which went on"
    return Verdict(
        name, reason, queue, priority if merged.priority is None else merged.priority, merged.skills,
        merged.sla_policy or queues[queue].sla_policy, trace, merged.labels, merged.prefer_skills,
        merged.prefer_agent, [rule.name for rule in rules], merged.overflow,
        decides is not None and asks[decides], any(asks),
    )  # fmt: skip


def without_words(configuration: Configuration) -> Verdict:
    """Where work waits whose words are not known: no rule is asked about none."""
    queue = configuration.fallback
    reason = f"none of the customer's words are known, so no rule was asked: it waits in {queue}"
    policy = configuration.queues[queue].sla_policy
    return Verdict(
        "(no words)",
        reason,
        queue,
        PRIORITY,
        {},
        policy,
        [],
        [],
        {},
        None,
        [],
        None,
        moves=False,
        informed=False,
    )


def _merged(thens: Sequence[Then]) -> Then:
    merged = Then()
    for then in thens:
        given = {name: value for name, value in then if value is not None}
        merged = merged.model_copy(
            update=given
            | {
                "skills": merged.skills | then.skills,
                "prefer_skills": merged.prefer_skills | then.prefer_skills,
                "labels": list(dict.fromkeys([*merged.labels, *then.labels])),
            }
        )
    return merged
