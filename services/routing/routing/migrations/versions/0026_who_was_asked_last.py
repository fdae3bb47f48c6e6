"""The newest revision of a case at which somebody was asked to answer it.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table case_seen add asked_revision integer not null default 0")
    op.execute("update case_seen set asked_revision = revision")


def downgrade() -> None:
    op.execute("alter table case_seen drop column asked_revision")
