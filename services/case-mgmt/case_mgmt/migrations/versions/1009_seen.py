"""Adds to each case whether a person has seen it, and the index of those closed without. Cases that are there count as seen."""

import sqlalchemy as sa
from alembic import op

revision = "1009"
down_revision = "1008"


def upgrade() -> None:
    op.add_column("case_file", sa.Column("is_seen", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.alter_column("case_file", "is_seen", server_default=sa.false())
    op.create_index(
        "case_file_closed_unseen_ix",
        "case_file",
        [sa.text("changed_at desc"), sa.text("case_id desc")],
        postgresql_where=sa.text("not is_seen and status in ('resolved', 'closed')"),
    )
