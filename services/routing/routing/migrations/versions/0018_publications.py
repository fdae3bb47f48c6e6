"""Publications: at a time, to a share of the cases first, for a time, approved by a second person.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("configuration", sa.Column("share", sa.Integer()))
    op.add_column("configuration", sa.Column("over_at", sa.DateTime(timezone=True)))
    op.create_index(
        "configuration_one_share_key", "configuration", [sa.literal_column("(true)")], unique=True,
        postgresql_where=sa.text("share is not null and over_at is null"),
    )  # fmt: skip
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "publication",
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=True),
        sa.Column("authors", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_why", sa.Text(), nullable=True),
        sa.Column("begins_at", moment, nullable=True),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("widens_at", moment, nullable=True),
        sa.Column("ends_at", moment, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("publication_pkey")),
    )
    op.create_index(
        "publication_list_ix",
        "publication",
        [sa.literal_column("asked_at desc"), sa.literal_column("publication_id desc")],
    )
    op.create_index("publication_draft_ix", "publication", ["draft_id"])


def downgrade() -> None:
    op.drop_table("publication")
    op.drop_index("configuration_one_share_key", "configuration")
    # What was in force for a share never was for all.
    op.execute("delete from configuration where share is not null")
    op.drop_column("configuration", "over_at")
    op.drop_column("configuration", "share")
