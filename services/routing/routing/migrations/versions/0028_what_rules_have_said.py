"""The highest priority that rules have said of work, and where words that came while an agent had it would have put it.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table work_item add decided_priority integer not null default 0, add meant jsonb")
    op.execute("update work_item set decided_priority = priority where state <> 'completed'")
    op.execute(
        "create index work_item_meant_ix on work_item (work_item_id) "
        "where meant is not null and state in ('queued', 'offered')"
    )


def downgrade() -> None:
    op.execute("drop index work_item_meant_ix")
    op.execute("alter table work_item drop column decided_priority, drop column meant")
