"""Creates the tables of the organisation's active version and of its file.

Revision ID: 1002
Revises: 1001
"""

import sqlalchemy as sa
from alembic import op

from antiphon.postgres.migrations import create_organisation_v1

revision = "1002"
down_revision = "1001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_organisation_v1()
    op.create_table(
        "organisation_file",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("organisation_file_one_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("organisation_file_pkey")),
    )
