"""Adds what the export of customers reads."""

from antiphon.postgres.migrations import follow_changes_v1

revision = "1006"
down_revision = "1002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    follow_changes_v1("customer", key="customer_id")
