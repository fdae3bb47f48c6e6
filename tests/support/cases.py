"""A case and its interactions, as values."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from antiphon.contracts import generate
from antiphon.contracts.cases import CaseStatus
from antiphon.contracts.identified import CustomerFacts, Reading
from antiphon.contracts.interactions import Interaction
from case_mgmt.domain.cases import Case, opened

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


MINE, OTHER = UUID(int=1), UUID(int=2)


def interaction(**changes: Any) -> Interaction:
    data = generate.example("interaction.received.v1")["data"]["interaction"]
    made = Interaction.model_validate(data)
    thread_changes = {k: changes.pop(k) for k in ("answers", "case_token", "conversation") if k in changes}
    update = {
        "interaction_id": uuid4(),
        "accepted_at": NOW,
        "thread": made.thread.model_copy(update=thread_changes),
    }
    return made.model_copy(update=update | changes)


def a_case(number: int, *, of: UUID = MINE, status: CaseStatus = CaseStatus.OPEN, department: str | None = "rates",
           changed: datetime = NOW) -> Case:  # fmt: skip
    made = opened(UUID(int=100 + number), number, interaction(), customer(of), RATES, None, NOW)
    return made.changed(changed, status=status, department=department)


RATES = Reading(topics=["rates-notice"], department="rates")


def customer(customer_id: UUID = MINE) -> CustomerFacts:
    return CustomerFacts(customer_id=customer_id, since=NOW)
