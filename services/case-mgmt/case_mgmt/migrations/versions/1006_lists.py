"""Adds what the export of cases reads."""

from antiphon.postgres.migrations import follow_changes_v1

revision = "1006"
down_revision = "1004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    follow_changes_v1("case_file", key="case_id")
