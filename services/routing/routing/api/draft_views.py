"""What the HTTP door shows and takes of versions, drafts and trials."""

import json
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from antiphon.http.app import Body, Moment, Words
from antiphon.http.problems import Problem
from antiphon.organisation.document import Fault
from antiphon.postgres.query import AnyRow
from routing.api.views import Reason, wrong
from routing.configuration import drafts, trials
from routing.configuration.publications import Plan
from routing.domain.rules.conditions import RuleResult
from routing.work.explain import RuleOutcome

LONGEST = 1_000_000
Title = Annotated[Words, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Source = Annotated[Words, Field(min_length=1, max_length=LONGEST, description="A configuration as YAML.")]
Parts = Annotated[
    dict[str, object], Field(description="A configuration as JSON: the same sections as in YAML.")
]


class NewDraft(Body):
    """A draft: of what is active, or of a configuration given as YAML (`source`) or JSON (`configuration`)."""

    name: Title
    why: Reason
    source: Source | None = None
    configuration: Parts | None = None


class SavedDraft(NewDraft):
    """A draft as it is to be. `base_version` says that what changed up to that version, which is active, is taken in."""

    base_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class Publishing(Body):
    """Why it becomes active, and the trial that says so; unless said otherwise at once, for all cases and for good."""

    why: Reason
    trial_id: UUID | None = None
    begins_at: Moment | None = None
    rollout: int = Field(100, ge=1, le=100, description="Percent of the cases that it decides about first.")
    widens_at: Moment | None = Field(None, description="When it decides about all, if it has a share first.")
    ends_at: Moment | None = Field(None, description="When the version before is active again.")

    def plan(self, now: datetime) -> Plan | None:
        """When and for whom; None when nothing is said. Raises Problem 422 when times are in no order."""
        plan = Plan(self.begins_at, self.rollout, self.widens_at, self.ends_at)
        if plan.widens_at is not None and plan.rollout == 100:
            raise wrong("/widens_at", "needs a share")
        order = [
            (name, at)
            for name, at in (
                ("begins_at", plan.begins_at or now),
                ("widens_at", plan.widens_at),
                ("ends_at", plan.ends_at),
            )
            if at is not None
        ]
        for (_, before), (name, after) in pairwise(order):
            if after <= before:
                raise wrong(f"/{name}", "must be later than what is before it")
        return None if plan == Plan(None, 100, None, None) else plan


class Approval(Body):
    """What the second person has to say."""

    why: Reason | None = None


class Widening(Body):
    """For more of the cases, and why."""

    rollout: int = Field(ge=2, le=100)
    why: Reason


class Ending(Body):
    """Why it is taken back or over."""

    why: Reason


class Back(Body):
    """Why the active version is taken back."""

    why: Reason


class NewTrial(Body):
    """Over which decisions: the newest `last` of those made from `since` to before `until`."""

    last: int = Field(1000, ge=1, le=trials.MOST)
    since: Moment | None = None
    until: Moment | None = None


class Complaint(BaseModel):
    """What is wrong with a draft, and where in its source."""

    detail: str
    pointer: str
    line: int
    column: int


class DraftLine(BaseModel):
    """A draft in a list."""

    draft_id: UUID
    name: str
    why: str
    state: Literal["draft", "planned", "published", "discarded"]
    base_version: int
    revision: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    version: int | None = Field(description="The version that it became.")


class DraftView(DraftLine):
    """A draft with its source, and all that is wrong with it."""

    source: str
    faults: list[Complaint]


class VersionLine(BaseModel):
    """A version of the configuration: the newest is published, or active for a share; all others are superseded."""

    version: int
    state: Literal["published", "limited", "superseded"]
    rollout: int | None = Field(description="Percent of the cases, where it never was active for all.")
    loaded_at: datetime
    loaded_by: str
    why: str | None
    draft_id: UUID | None
    trial_id: UUID | None = Field(description="The trial that was cited when it was published.")
    restores: int | None = Field(description="The version whose source it has: a step back.")


class VersionView(VersionLine):
    """A version with its source."""

    source: str


class Difference(BaseModel):
    """What changes, a sentence each."""

    from_version: int
    to: str
    differences: list[str]


class PublicationView(BaseModel):
    """How a draft becomes active: who, when and why on each step."""

    publication_id: UUID
    draft_id: UUID
    base_version: int
    state: Literal["waiting", "planned", "limited", "published", "ended", "withdrawn", "failed"]
    why: str
    trial_id: UUID | None
    asked_at: datetime
    asked_by: str
    needs_approval: bool
    approved_at: datetime | None
    approved_by: str | None
    approved_why: str | None
    begins_at: datetime | None
    rollout: int
    widens_at: datetime | None
    ends_at: datetime | None
    version: int | None
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None


class Published(BaseModel):
    """The version that is active now; without one, the publication says what is waited for."""

    version: int | None
    restores: int | None = None
    publication: PublicationView | None = None


class TrialView(BaseModel):
    """A trial: how far it is, and what it found when it is done."""

    trial_id: UUID
    draft_id: UUID
    draft_revision: int
    against_version: int
    state: Literal["asked", "running", "done", "failed", "stopped"]
    last: int
    since: datetime | None
    until: datetime
    done: int
    total: int | None
    asked_at: datetime
    asked_by: str
    ended_at: datetime | None
    failure: str | None
    result: dict[str, object] | None


class Decided(BaseModel):
    """What was or would be decided, by which rule, and what every rule said."""

    rule: str
    outcome: dict[str, object]
    trace: list[RuleOutcome]


class DecidedOtherwise(BaseModel):
    """A recorded decision that a draft makes otherwise."""

    decision_id: UUID
    work_item_id: UUID
    case_id: UUID
    at: datetime
    version: int
    before: Decided
    after: Decided


def text_of(given: NewDraft) -> str | None:
    """The source that was given; JSON in lines, which are YAML too. Raises Problem 422 when it was given twice."""
    if given.source is not None and given.configuration is not None:
        raise wrong("/configuration", "give a source or a configuration, not both")
    if given.configuration is None:
        return given.source
    try:
        text = json.dumps(given.configuration, indent=2, ensure_ascii=False)
        text.encode()
    except RecursionError as error:
        raise wrong("/configuration", "is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise wrong("/configuration", "must not contain lone surrogates") from error
    if len(text) > LONGEST:
        raise Problem(413, "Too large", f"A configuration may have {LONGEST} characters.")
    return text


def complaints(faults: list[Fault]) -> list[Complaint]:
    """Faults as the door shows them."""
    return [Complaint(detail=f.message, pointer=f.path, line=f.line, column=f.column) for f in faults]


def draft_view(row: AnyRow) -> DraftView:
    """A draft, checked."""
    line = DraftLine.model_validate(row, from_attributes=True)
    faults = complaints(list(drafts.faults(row.source)))
    return DraftView(**line.model_dump(), source=row.source, faults=faults)


def version_line(row: AnyRow, active_version: int) -> VersionLine:
    """A version as the door shows it, without its source."""
    names = ("version", "loaded_at", "loaded_by", "why", "draft_id", "trial_id", "restores", "rollout")
    state = "published" if row.version == active_version else "superseded"
    if row.rollout is not None and row.rollout_ended_at is None:
        state = "limited"
    return VersionLine(state=state, **{name: getattr(row, name) for name in names})


def trial_item(row: AnyRow, rules: list[str]) -> DecidedOtherwise:
    """A changed decision with both traces."""
    letters = {result[0]: result.value for result in RuleResult}
    after = [
        RuleOutcome(rule=rule, result=letters[letter], error=row.errors.get(rule))
        for rule, letter in zip(rules, row.results, strict=True)
    ]
    before = [RuleOutcome.model_validate(outcome) for outcome in row.trace]
    return DecidedOtherwise(
        decision_id=row.decision_id,
        work_item_id=row.work_item_id,
        case_id=row.case_id,
        at=row.at,
        version=row.version,
        before=Decided(rule=row.decided_by, outcome=row.before, trace=before),
        after=Decided(rule=row.rule, outcome=row.after, trace=after),
    )
