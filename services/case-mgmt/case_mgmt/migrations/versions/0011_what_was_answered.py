"""By which reply each interaction was answered.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table case_interaction add answered_by uuid")


def downgrade() -> None:
    op.execute("alter table case_interaction drop column answered_by")
