"""What customers were told at once while a queue was closed: each case once for an opening, and nobody too often.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create table acknowledgement (reply_id uuid constraint acknowledgement_pkey primary key, "
        "case_id uuid not null, customer_id uuid not null, at timestamptz not null, opens_at timestamptz)"
    )
    op.execute("create index acknowledgement_case_id_ix on acknowledgement (case_id)")
    op.execute("create index acknowledgement_customer_id_ix on acknowledgement (customer_id, at)")


def downgrade() -> None:
    op.execute("drop table acknowledgement")
