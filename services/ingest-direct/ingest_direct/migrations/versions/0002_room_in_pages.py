"""Room in each page for rows that change soon after they are written: the change stays in its page.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("interaction",)


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"alter table {table} set (fillfactor = 75)")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"alter table {table} reset (fillfactor)")
