"""Adds what the export of work reads, and when work has waited its longest wait."""

import sqlalchemy as sa
from alembic import op

from antiphon.postgres.migrations import follow_changes_v1

revision = "1006"
down_revision = "1005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "work_item",
        sa.Column(
            "overdue_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '1 day'"),
            nullable=False,
        ),
    )
    op.execute("update work_item set overdue_at = queued_at + longest_wait")
    op.create_index(
        "work_item_overdue_ix",
        "work_item",
        ["queue", "also_queues", "need", "overdue_at", "queued_at", "work_item_id"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "work_item_due_ix",
        "work_item",
        [sa.text("coalesce(due_at, 'infinity'::timestamptz)"), "work_item_id"],
        postgresql_where=sa.text("state <> 'completed'"),
    )
    follow_changes_v1("work_item", key="work_item_id")
