"""A trial: a draft decides past cases again, and the differences are counted. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from antiphon.organisation.agent import Agent
from routing.domain.configuration.calendar import build
from routing.domain.configuration.document import Configuration
from routing.domain.decisions import redecision
from routing.domain.decisions.redecision import WorkBefore
from routing.domain.decisions.verdict import Verdict, taking_part, verdict_from
from routing.domain.rules.conditions import ConditionBatch, Context, complete, time_variables
from routing.domain.rules.queue_state import with_calendars
from routing.domain.time.business_calendar import BeyondHorizonError, BusinessCalendar

Outcome = Mapping[str, Any]
Needs = tuple[tuple[str, int], ...]
RECORDED_WORK = TypeAdapter(WorkBefore)
_EXAMPLES = 5
_MOST_NAMED = 100
_NOT_RECORDED = (
    "Later words that changed nothing are not recorded, so what the draft would have changed by them is not counted; "
    "a shadow counts it."
)
_WITHOUT_WORDS = (
    "The words of some decisions are no longer kept, and a rule of the draft that was to be asked reads words: they were not "
    "decided again."
)
_BATCH = 50


class Recorded(NamedTuple):
    """A past decision: its context, the rule that decided and what it decided.

    `before` are the values of the work, when it decided again on later words; `has_words`: the context has its words still.
    `started`, `due`, `met` and `cancelled` are of the first-response clock that began with it, if one did, in seconds since
    1970.
    """

    decision_id: str
    at: str
    rule: str
    outcome: Outcome
    context: Mapping[str, Any]
    started: float | None = None
    due: float | None = None
    met: float | None = None
    cancelled: float | None = None
    before: Mapping[str, Any] | None = None
    has_words: bool = True


class Changed(NamedTuple):
    """A decision that the draft makes differently.

    `results` has one letter for each rule: t(rue), f(alse), e(rror), n(ot asked) where it is for first words only or its words
    are not kept.
    """

    decision_id: str
    at: str
    rule: str
    before: Outcome
    after: Outcome
    results: str
    errors: Mapping[str, str]


@dataclass
class _Erred:
    count: int = 0
    examples: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


class _Verdict(NamedTuple):
    """A verdict of the draft, its outcome as JSON values, and the skills that it requires."""

    verdict: Verdict
    outcome: Outcome
    needs: Needs


class _Asked(NamedTuple):
    """A decision and the draft's rules: the places of those that take part, and the result of each."""

    decision: Recorded
    places: tuple[int, ...]
    results: str
    errors: dict[int, str]


class Trial:
    """A configuration on trial: decides recorded decisions again, in batches of any size, and counts the differences.

    `on_shift` are the agents who are present now.
    """

    def __init__(self, configuration: Configuration, on_shift: Collection[str], now: datetime) -> None:
        self._configuration = configuration.at(now)
        self._on_shift = on_shift
        self._now = now.timestamp()
        self._together = ConditionBatch(configuration.conditions)
        asked = {m for _, condition in configuration.conditions for m in condition.mentions}
        self._asked_calendars = sorted({mention.name for mention in asked if mention.what == "calendar"})
        self._reads_words = sum(
            1 << place for place, (_, one) in enumerate(configuration.conditions) if one.reads_words
        )
        self._verdicts: dict[tuple[int, ...], _Verdict] = {}
        self._calendars: dict[str, BusinessCalendar] = {}
        self._decisions = 0
        self._same_by_another_rule = 0
        self._elsewhere: Counter[tuple[str, str]] = Counter()
        self._fields: Counter[str] = Counter()
        self._loads = Counter[str](), Counter[str]()
        self._hits = Counter[str](), Counter[str]()
        self._erred: dict[str, _Erred] = {}
        self._needs: Counter[tuple[str, Needs]] = Counter()
        self._clocks: Counter[str] = Counter()
        self._newly_late: Counter[str] = Counter()
        self._changed = 0
        self._later: Counter[str] = Counter()
        self._without_words: list[str] = []

    def add(self, decisions: Iterable[Recorded]) -> list[Changed]:
        """Decides these again; returns those that the draft makes differently, in their order."""
        changed: list[Changed] = []
        for decision, places, results, errors in self._asked(decisions):
            rule, after = self._decide(decision, places)
            for at, error in errors.items():
                self._error(self._configuration.rules[at].name, error, decision)
            if decision.started is not None and decision.cancelled is None:
                self._clock(decision, after)
            is_other = self._count(decision, rule, after)
            if decision.before is not None:
                self._later.update({"decisions": 1, "changed": int(is_other)})
            if is_other:
                by_rule = {self._configuration.rules[at].name: error for at, error in errors.items()}
                changed.append(
                    Changed(
                        decision.decision_id, decision.at, rule, decision.outcome, after, results, by_rule
                    )
                )
        self._changed += len(changed)
        return changed

    def _decide(self, decision: Recorded, places: tuple[int, ...]) -> tuple[str, Outcome]:
        """Returns the rule of the draft that decides, and the outcome: of later words what they make of the work."""
        if places not in self._verdicts:
            self._verdicts[places] = self._verdict(places)
        found = self._verdicts[places]
        after, needs = found.outcome, found.needs
        if decision.before is not None:
            before = RECORDED_WORK.validate_python(decision.before)
            again = redecision.redecide_by(self._configuration, before, found.verdict)
            after = redecision.outcome(before, found.verdict, again)
            needs = tuple(again.skills.items()) if again else ()
        if needs:
            self._needs[str(after["queue"]), needs] += 1
        return found.verdict.rule, after

    def _asked(self, decisions: Iterable[Recorded]) -> Iterator[_Asked]:
        """Yields the decisions with the rules that take part, without those that depend on words which are not kept."""
        given = iter(decisions)
        rules = self._configuration.rules
        while batch := list(islice(given, _BATCH)):
            contexts = [self._context(decision) for decision in batch]
            for decision, (holds, errors) in zip(batch, self._together.evaluate(contexts), strict=True):
                later = decision.before is not None
                asked = self._configuration.asked_later if later else (1 << len(rules)) - 1
                evaluated = asked if decision.has_words else asked & ~self._reads_words
                places = taking_part(self._configuration, holds & evaluated, later=later)
                stops = bool(places) and not rules[places[-1]].go_on
                before_stop = (1 << places[-1]) - 1 if stops else asked
                if asked & ~evaluated & before_stop:
                    self._without_words.append(decision.decision_id)
                    continue
                results = "".join(
                    "n"
                    if not evaluated >> at & 1
                    else "e"
                    if at in errors
                    else "t"
                    if holds >> at & 1
                    else "f"
                    for at in range(len(rules))
                )
                kept = {at: error for at, error in errors.items() if evaluated >> at & 1}
                yield _Asked(decision, places, results, kept)

    def _context(self, decision: Recorded) -> Context:
        """The recorded context; whether a calendar was open follows the draft's own calendars."""
        recorded = decision.context
        if not self._asked_calendars and "now.date" in recorded:
            return complete(recorded)
        at = datetime.fromisoformat(decision.at)
        open_ones = [name for name in self._asked_calendars if self._calendar(name).is_open(at)]
        local = time_variables(at.astimezone(self._configuration.zone))
        return complete({**local, **with_calendars(recorded, open_ones)})

    def _verdict(self, places: tuple[int, ...]) -> _Verdict:
        found = verdict_from(self._configuration, places, [])
        return _Verdict(found, to_jsonable_python(found.outcome), tuple(found.skills.items()))

    def _count(self, decision: Recorded, rule: str, after: Outcome) -> bool:
        """Counts a decision; whether the draft makes it differently."""
        self._decisions += 1
        before = decision.outcome
        self._loads[0][before["queue"]] += 1
        self._loads[1][after["queue"]] += 1
        self._hits[0][decision.rule] += 1
        self._hits[1][rule] += 1
        # A value that decisions did not have yet, when this one was recorded, has not changed.
        other = before != after and [n for n in after if n in before and before[n] != after[n]]
        if not other:
            self._same_by_another_rule += rule != decision.rule
            return False
        if before["queue"] != after["queue"]:
            self._elsewhere[before["queue"], after["queue"]] += 1
        self._fields.update(other)
        return True

    def _error(self, rule: str, error: str, decision: Recorded) -> None:
        erred = self._erred.setdefault(rule, _Erred())
        erred.count += 1
        if len(erred.examples) < _EXAMPLES:
            erred.examples.append({"decision_id": decision.decision_id, "error": error})

    def _clock(self, decision: Recorded, after: Outcome) -> None:
        """Counts whether the answer came in time by the draft's policy; one that has not come counts as coming now."""
        if decision.started is None or decision.due is None:
            return
        due = self._due(after["sla_policy"], decision.started)
        ended = self._now if decision.met is None else decision.met
        was, would = ended > decision.due, ended > due
        self._clocks["measured"] += 1
        self._clocks["missed_before"] += was
        self._clocks["missed_after"] += would
        self._clocks["newly_missed"] += would and not was
        self._clocks["no_longer_missed"] += was and not would
        if would and not was:
            self._newly_late[after["queue"]] += 1

    def _due(self, policy: str, started: float) -> float:
        target = self._configuration.sla_policies[policy].first_response
        at = datetime.fromtimestamp(started, UTC)
        try:
            return self._calendar(target.calendar).add(at, target.within).timestamp()
        except BeyondHorizonError:
            return float("inf")

    def _calendar(self, name: str) -> BusinessCalendar:
        if name not in self._calendars:
            self._calendars[name] = build(self._configuration.calendars[name])
        return self._calendars[name]

    def result(self) -> dict[str, Any]:
        """Returns the counts as JSON values. Queues and rules are in the draft's order, then those that it no longer has."""
        queues, rules = list(self._configuration.queues), [rule.name for rule in self._configuration.rules]
        return {
            "decisions": self._decisions,
            "later_words": {name: self._later[name] for name in ("decisions", "changed")},
            "without_words": len(self._without_words),
            "without_words_ids": self._without_words[:_MOST_NAMED],
            "notes": [_NOT_RECORDED, *([_WITHOUT_WORDS] if self._without_words else [])],
            "changed": self._changed,
            "elsewhere": sum(self._elsewhere.values()),
            "same_by_another_rule": self._same_by_another_rule,
            "from_to": [
                {"from_queue": old, "to_queue": new, "items": count}
                for (old, new), count in sorted(
                    self._elsewhere.items(), key=lambda found: (-found[1], found[0])
                )
            ],
            "changes": dict(sorted(self._fields.items())),
            "load": [
                {"queue": queue, "before": before, "after": after, **self._team(queue)}
                for queue, before, after in _both(queues, *self._loads)
            ],
            "rules": [
                {"rule": rule, "before": before, "after": after}
                for rule, before, after in _both(rules, *self._hits)
            ],
            "erred": [
                {"rule": rule, "items": erred.count, "examples": erred.examples}
                for rule, erred in self._erred.items()
            ],
            "unskilled": [found for found in self._unskilled() if found["nobody_on_shift"]],
            "first_response": {
                name: self._clocks[name]
                for name in ("measured", "missed_before", "missed_after", "newly_missed", "no_longer_missed")
            }
            | {
                "newly_missed_by_queue": [
                    {"queue": queue, "items": items} for queue, items in self._newly_late.most_common()
                ]
            },
        }

    def _members(self, queue: str) -> list[Agent]:
        return [agent for agent in self._configuration.agents_by_id.values() if queue in agent.queues]

    def _works(self, agent: Agent) -> bool:
        return agent.id in self._on_shift and agent.away is None

    def _team(self, queue: str) -> dict[str, int]:
        members = self._members(queue)
        return {
            "agents": len(members),
            "on_shift": sum(self._works(agent) for agent in members),
            "capacity": sum(agent.capacity for agent in members),
        }

    def _unskilled(self) -> Iterable[dict[str, Any]]:
        for (queue, needs), items in self._needs.most_common():
            able = [
                agent
                for agent in self._members(queue)
                if all(agent.skills.get(skill, 0) >= level for skill, level in needs)
            ]
            yield {
                "queue": queue,
                "skills": dict(needs),
                "items": items,
                "nobody": not able,
                "nobody_on_shift": not any(map(self._works, able)),
            }


def _both(
    order: Iterable[str], before: Mapping[str, int], after: Mapping[str, int]
) -> list[tuple[str, int, int]]:
    names = dict.fromkeys([*order, *sorted({*before, *after})])
    return [(name, before.get(name, 0), after.get(name, 0)) for name in names]
