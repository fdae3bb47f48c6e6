"""Decisions: what the rules decide about the unanswered messages of a case, and the record of it."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from antiphon.contracts.cases import CaseFacts, InteractionFacts
from antiphon.contracts.work import Decision
from routing.domain.decisions import redecision
from routing.domain.decisions.redecision import Redecided, WorkBefore
from routing.domain.decisions.verdict import Verdict, verdict, without_words
from routing.domain.rules import conditions
from routing.intake.case_batch import CaseBatch
from routing.unit_of_work import Row, UnitOfWork


class Decided(NamedTuple):
    """A verdict of a version of the rules, and the row that records it once it is kept.

    `redecided` is what it changes in open work. `shadow_differs`: a shadow decided otherwise.
    """

    verdict: Verdict
    decision_id: UUID
    version: int
    record: Row
    redecided: Redecided | None = None
    shadow_differs: bool = False

    def facts(self, *reasons: str) -> Decision:
        """The decision as events state it, with further reasons."""
        return Decision(
            decision_id=self.decision_id, rule=self.verdict.rule, configuration_version=self.version,
            reason="; ".join([self.verdict.reason, *reasons]),
        )  # fmt: skip


def decide(
    batch: CaseBatch, case: CaseFacts, messages: Sequence[InteractionFacts], work_item_id: UUID,
    before: WorkBefore | None = None,
) -> Decided:  # fmt: skip
    """Asks the active rules about all these messages together. Without messages, no rule is asked. Records nothing yet.

    `before` are the values of open work, about which the rules decide again.
    """
    now, active = batch.unit.now, batch.active
    version, configuration = active.version_for(case.case_id)
    context: conditions.Context = {}
    decided = without_words(configuration)
    if messages:
        local = now.astimezone(active.configuration.zone)
        context = conditions.context_of(case, messages, local) | batch.rule_context
        decided = verdict(configuration, context, later=before is not None)
    outcome = decided.outcome if messages else None
    after = None
    if before is not None:
        after = redecision.redecide_by(active.configuration, before, decided)
        outcome = redecision.outcome(before, decided, after)
    shadow = active.shadow.decide(context, outcome, before, now) if active.shadow and outcome else None
    decision_id = uuid4()
    record = {
        "decision_id": decision_id,
        "work_item_id": work_item_id,
        "case_id": case.case_id,
        "version": version,
        "rule": decided.rule,
        "reason": decided.reason,
        "context": conditions.stored_context(context),
        "trace": [outcome._asdict() for outcome in decided.trace],
        # A trial can't decide again where no rule was asked.
        "outcome": outcome,
        "at": now,
        "shadow": shadow,
        "before": before._asdict() if before else None,
        "interaction_ids": [message.interaction_id for message in messages],
        "case_revision": case.revision,
        "has_words": bool(messages),
    }
    return Decided(decided, decision_id, version, record, after, bool(shadow and shadow["differs"]))


def keep(unit: UnitOfWork, decided: Decided, after: WorkBefore | None = None) -> None:
    """Records a decision, with the reason that its verdict has now. `after`: the values of open work that it changed."""
    changed = after._asdict() if after else None
    unit.decisions.append({**decided.record, "reason": decided.verdict.reason, "after": changed})
