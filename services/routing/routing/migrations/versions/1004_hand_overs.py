"""Adds to each work item how a person handed it on, and the revision that its events carry."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "1004"
down_revision = "1002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_item", sa.Column("handover", postgresql.JSONB()))
    op.add_column("work_item", sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False))
    op.create_index(
        "work_item_handover_ix",
        "work_item",
        [sa.text("(handover ->> 'agent_id')"), "order_at"],
        postgresql_where=sa.text("state = 'queued' and handover ->> 'agent_id' is not null"),
    )
