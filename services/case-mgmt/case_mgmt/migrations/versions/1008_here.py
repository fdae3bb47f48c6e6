"""Creates the table of who is on a case now."""

import sqlalchemy as sa
from alembic import op

revision = "1008"
down_revision = "1007"


def upgrade() -> None:
    op.create_table(
        "case_here",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("doing", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "person_id", name=op.f("case_here_pkey")),
        prefixes=["unlogged"],
    )
    op.create_index("case_here_until_ix", "case_here", ["until"])
