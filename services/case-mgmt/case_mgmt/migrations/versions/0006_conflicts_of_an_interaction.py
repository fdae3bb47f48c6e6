"""Which identifiers an interaction states of its speaker and are another customer's.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table case_interaction add column conflicts jsonb not null default '[]'")


def downgrade() -> None:
    op.execute("alter table case_interaction drop column conflicts")
