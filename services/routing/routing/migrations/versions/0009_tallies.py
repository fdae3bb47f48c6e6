"""How many wait, are offered, in work, came and went, by queue: kept counts instead of scans.

Revision ID: 0009
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = (
        ("minute", sa.DateTime(timezone=True)),
        ("queue", sa.Text()),
        ("what", sa.Text()),
        ("count", sa.Integer()),
    )
    for table in ("tally", "tally_change"):
        op.create_table(table, *(sa.Column(name, kind, nullable=False) for name, kind in columns))
    op.create_primary_key(op.f("tally_pkey"), "tally", ["minute", "queue", "what"])
    op.execute(
        "insert into tally (minute, queue, what, count) select 'epoch', queue, state, count(*) from work_item "
        "where state <> 'completed' group by queue, state"
    )
    op.create_index(
        "work_item_oldest_ix",
        "work_item",
        ["queue", "queued_at"],
        postgresql_where=sa.text("state = 'queued'"),
    )


def downgrade() -> None:
    op.drop_index("work_item_oldest_ix", "work_item")
    op.drop_table("tally_change")
    op.drop_table("tally")
