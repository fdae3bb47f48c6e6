"""The states of drafts, of their publications and of their trials."""

from enum import StrEnum


class DraftState(StrEnum):
    """The state of a draft. A planned draft is a `draft` again when its publication is withdrawn or fails."""

    DRAFT = "draft"
    PLANNED = "planned"
    PUBLISHED = "published"
    DISCARDED = "discarded"


class PublicationState(StrEnum):
    """The state of a publication: `waiting` for approval, `planned` for a later time, `limited` to the rollout's percentage of the cases."""

    WAITING = "waiting"
    PLANNED = "planned"
    LIMITED = "limited"
    PUBLISHED = "published"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class TrialState(StrEnum):
    """The state of a trial."""

    ASKED = "asked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
