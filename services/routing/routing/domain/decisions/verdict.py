"""What the rules of a configuration decide about a case. Pure, so that a draft can decide past cases too."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from antiphon.organisation.rule import PRIORITY, Then
from routing.domain.configuration.document import Configuration
from routing.domain.rules.conditions import Context, Outcome, RuleResult, decide


class Moves(StrEnum):
    """Whether later words may move waiting work by a verdict: never, to a higher priority, or to any."""

    NEVER = "never"
    TO_HIGHER = "to-higher"
    TO_ANY = "to-any"


class Verdict(NamedTuple):
    """Where work goes and how: the rule that decided, with its reason, and the result of every rule.

    `rules` are all that took part, in order: those that go on, and the one that decided. Preferred skills and the preferred
    agent are an advantage, not required. `moves`: NEVER where the condition of the rule that decided is always true, because
    that says nothing of the case. `informed`: the condition of any rule that took part depends on the case.
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
    moves: Moves
    informed: bool

    @property
    def outcome(self) -> dict[str, object]:
        """The decided values, without how they came about: routing stores them with the decision, and trials compare them."""
        how = ("rule", "reason", "trace", "rules", "overflow", "moves", "informed")
        return {name: value for name, value in self._asdict().items() if name not in how}


def verdict(configuration: Configuration, context: Context, *, later: bool = False) -> Verdict:
    """Returns what the rules decide about a context. Work that no rule matches goes to the fallback queue.

    `later`: the work is there already, so the rules for first words only are not asked.
    """
    _, trace = decide(configuration.conditions, context)
    if later:
        trace = [
            Outcome(one.rule, RuleResult.NOT_ASKED) if rule.first_words_only else one
            for rule, one in zip(configuration.rules, trace, strict=True)
        ]
    holds = sum(1 << place for place, outcome in enumerate(trace) if outcome.result is RuleResult.TRUE)
    return verdict_from(configuration, taking_part(configuration, holds, later=later), trace)


def taking_part(configuration: Configuration, holds: int, *, later: bool = False) -> tuple[int, ...]:
    """Returns the places of the rules that take part: those that hold, up to the first of them that does not go on.

    `holds` has one bit for each rule, the lowest for the first: whether it holds. `later` as in `verdict`.
    """
    places: list[int] = []
    if later:
        holds &= configuration.asked_later
    while holds:
        place = (holds & -holds).bit_length() - 1
        places.append(place)
        if not configuration.rules[place].go_on:
            break
        holds &= holds - 1
    return tuple(places)


def verdict_from(configuration: Configuration, places: Sequence[int], trace: list[Outcome]) -> Verdict:
    """Returns the verdict when the rules at these places take part: later values win, labels and skills are merged."""
    queues = configuration.queues
    rules = [configuration.rules[place] for place in places]
    asks = [not configuration.conditions[place][1].always for place in places]
    moves = Moves.NEVER
    merged = _merged([rule.then for rule in rules])
    decides = next((at for at in reversed(range(len(rules))) if rules[at].then.queue is not None), None)
    deciding = None if decides is None else rules[decides]
    others = [rule.name for rule in rules if rule is not deciding]
    # The rule that decides is the last that names a queue, and the last value wins.
    queue = merged.queue or configuration.fallback
    if deciding is None:
        name, priority = "(no rule matched)", 0
        reason = f"no rule matched, so it waits in {queue}"
    else:
        name, priority = deciding.name, PRIORITY
        if decides is not None and asks[decides]:
            moves = Moves.TO_ANY if deciding.moves else Moves.TO_HIGHER
        reason = f"first rule that holds: {deciding.when.strip()}"
    if others:
        reason += f"; also {', '.join(repr(other) for other in others)}, which went on"
    return Verdict(
        name, reason, queue, priority if merged.priority is None else merged.priority, merged.skills,
        merged.sla_policy or queues[queue].sla_policy, trace, merged.labels, merged.prefer_skills,
        merged.prefer_agent, [rule.name for rule in rules], merged.overflow,
        moves, any(asks),
    )  # fmt: skip


def without_words(configuration: Configuration) -> Verdict:
    """Returns the verdict on work without interactions: no rule is evaluated, and it waits in the fallback queue."""
    queue = configuration.fallback
    reason = (
        f"the case has no interaction that awaits an answer, so no rule was evaluated: it waits in {queue}"
    )
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
        moves=Moves.NEVER,
        informed=False,
    )


def _merged(thens: Sequence[Then]) -> Then:
    merged = Then()
    for then in thens:
        values = {name: value for name, value in then if value is not None}
        merged = merged.model_copy(
            update=values
            | {
                "skills": merged.skills | then.skills,
                "prefer_skills": merged.prefer_skills | then.prefer_skills,
                "labels": list(dict.fromkeys([*merged.labels, *then.labels])),
            }
        )
    return merged
