"""Where drafts, their publications and their trials stand."""

from enum import StrEnum


class DraftState(StrEnum):
    """Where a draft stands. What is planned is a draft again when nothing comes of it."""

    DRAFT = "draft"
    PLANNED = "planned"
    PUBLISHED = "published"
    DISCARDED = "discarded"


class PublicationState(StrEnum):
    """Where a publication stands: `waiting` for a second person, `planned` for its time, `limited` to a share of the cases."""

    WAITING = "waiting"
    PLANNED = "planned"
    LIMITED = "limited"
    PUBLISHED = "published"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class TrialState(StrEnum):
    """Where a trial stands."""

    ASKED = "asked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
