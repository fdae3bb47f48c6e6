"""Everybody who ever wrote a draft: none of them can be the second person who approves it.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table draft add authors text[]")
    op.execute("update draft set authors = array(select distinct unnest(array[created_by, changed_by]))")
    op.execute("alter table draft alter authors set not null")


def downgrade() -> None:
    op.drop_column("draft", "authors")
