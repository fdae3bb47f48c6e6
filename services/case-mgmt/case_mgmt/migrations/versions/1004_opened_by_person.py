"""Adds to each case since when a person keeps it open and in which queue, and the revision of the copy of its work."""

import sqlalchemy as sa
from alembic import op

revision = "1004"
down_revision = "1002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_file", sa.Column("opened_by_person_at", sa.DateTime(timezone=True)))
    op.add_column("case_file", sa.Column("opened_in_queue", sa.Text()))
    op.add_column("case_work", sa.Column("event_revision", sa.BigInteger()))
