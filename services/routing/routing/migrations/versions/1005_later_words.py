"""Adds to decisions what they changed, and how long their words are kept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "1005"
down_revision = "1004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_item", sa.Column("decided_queue", sa.Text()))
    op.execute("update work_item set decided_queue = queue where state <> 'completed'")
    op.add_column("case_record", sa.Column("awaited_until", sa.DateTime(timezone=True)))
    op.execute("update case_record set awaited_until = now() where not awaits or dismissed is not null")
    op.create_index(
        "case_record_awaited_ix",
        "case_record",
        ["awaited_until"],
        postgresql_where=sa.text("awaited_until is not null"),
    )
    op.add_column("decision", sa.Column("before", postgresql.JSONB()))
    op.add_column("decision", sa.Column("after", postgresql.JSONB()))
    op.add_column(
        "decision",
        sa.Column("interaction_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
    )
    op.add_column("decision", sa.Column("case_revision", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "decision", sa.Column("has_words", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.create_index("decision_words_ix", "decision", ["case_id"], postgresql_where=sa.text("has_words"))
