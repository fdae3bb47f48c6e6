"""What rules say about work beside where it goes: labels, and skills that are better and not needed.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "work_item", sa.Column("labels", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False)
    )
    op.add_column(
        "work_item", sa.Column("prefer_skills", postgresql.JSONB(), server_default="{}", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("work_item", "prefer_skills")
    op.drop_column("work_item", "labels")
