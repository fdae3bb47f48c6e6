"""A case with all that its customer said, as the events of case-mgmt carry it."""

from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

from antiphon.contracts.base import Actor
from antiphon.contracts.cases import (
    CaseInteractionAdded,
    CaseInteractionDeleted,
    CaseInteractionEdited,
    CaseOpened,
    CaseStatusChanged,
    InteractionFacts,
    StatusTrigger,
)
from tests.support.routing.harness import opened

SYSTEM = Actor(kind="system", id="case-mgmt")


class Timed(Protocol):
    """Anything with the time of a test."""

    @property
    def now(self) -> datetime: ...


class CaseWithMessages:
    """A case with all its messages. Each method changes the case and returns the event that case-mgmt publishes."""

    def __init__(
        self, pool: Timed, number: int = 1, department: str | None = None, text: str = "When do you open?",
        subject: str | None = None,
    ) -> None:  # fmt: skip
        event = opened(number, pool.now)
        changes = {"department": department, "revision": 1, "asked_revision": 1, "subject": subject}
        case = event.case.model_copy(update=changes)
        message = event.interaction.model_copy(
            update={
                "text": text, "subject": subject, "topics": [], "tone": "neutral", "accepted_at": pool.now,
                "interaction_id": uuid4(),
            }
        )  # fmt: skip
        self.pool = pool
        self.opened: CaseOpened = event.model_copy(
            update={
                "case": case.model_copy(update={"awaiting_answer_since": pool.now}),
                "interaction": message,
            }
        )
        self.case = self.opened.case
        self.messages: list[InteractionFacts] = [message]

    def interaction_added(self, text: str, **facts: Any) -> CaseInteractionAdded:
        """The customer writes again."""
        before = [*self.messages]
        at = self.pool.now + timedelta(seconds=len(before))
        message = before[0].model_copy(
            update={"text": text, "interaction_id": uuid4(), "accepted_at": at, **facts}
        )
        self.messages.append(message)
        status = "new" if self.case.status == "new" else "open"
        self._update(asks=True, status=status, awaiting_answer_since=self.case.awaiting_answer_since or at)
        return CaseInteractionAdded(
            case=self.case, interaction=message, threaded_by="open-case", unanswered=before
        )

    def interaction_edited(self, text: str) -> CaseInteractionEdited:
        """The customer edits their first message."""
        self.messages[0] = self.messages[0].model_copy(update={"text": text})
        self._update(asks=True)
        return CaseInteractionEdited(
            case=self.case, interaction=self.messages[0], unanswered=self.messages[1:]
        )

    def interaction_deleted(self, place: int) -> CaseInteractionDeleted:
        """The customer takes a message back. The subject of the case goes with the first."""
        message = self.messages.pop(place)
        self._update(asks=False, **({"subject": None} if place == 0 else {}))
        return CaseInteractionDeleted(case=self.case, interaction_id=message.interaction_id)

    def status_changed(
        self,
        status: str,
        trigger: StatusTrigger,
        *,
        asks: bool = False,
        with_messages: bool = False,
        **changes: Any,
    ) -> CaseStatusChanged:
        """The status changes; `with_messages`: the event carries all messages as unanswered."""
        previous = self.case.status
        self._update(asks=asks, status=status, **changes)
        return CaseStatusChanged(
            case=self.case, previous=previous, by=SYSTEM, trigger=trigger, reason="for people",
            unanswered=self.messages if with_messages else [],
        )  # fmt: skip

    def reply_requested(self) -> CaseStatusChanged:
        """An agent writes an answer."""
        return self.status_changed("pending", StatusTrigger.REPLY_REQUESTED, awaiting_answer_since=None)

    def reply_failed(self) -> CaseStatusChanged:
        """The channel could not send the answer."""
        since = self.messages[0].accepted_at
        return self.status_changed(
            "open", StatusTrigger.REPLY_FAILED, asks=True, with_messages=True, awaiting_answer_since=since
        )

    def work_accepted(self) -> CaseStatusChanged:
        """The event that follows in case-mgmt when an agent has accepted the work."""
        return self.status_changed("open", StatusTrigger.WORK_ACCEPTED)

    def _update(self, *, asks: bool, **changes: Any) -> None:
        revision = self.case.revision + 1
        asked = {"asked_revision": revision} if asks else {}
        self.case = self.case.model_copy(update={"revision": revision, **asked, **changes})
