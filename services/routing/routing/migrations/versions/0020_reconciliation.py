"""Which cases await an answer, what the reconciliation found, and how far it has come.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "case_seen", sa.Column("awaits", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    for name, kind in (("set_aside", sa.Text()), ("reference", sa.Text()), ("customer_id", sa.Uuid())):
        op.add_column("case_seen", sa.Column(name, kind))
    op.execute(
        "update case_seen s set awaits = true, reference = w.case_reference, customer_id = w.customer_id "
        "from work_item w where w.case_id = s.case_id and w.state <> 'completed'"
    )
    op.create_index(
        "case_seen_awaits_ix", "case_seen", ["case_id"], unique=False, postgresql_where=sa.text("awaits")
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("last_began_at", sa.DateTime(timezone=True)),
        sa.Column("last_ended_at", sa.DateTime(timezone=True)),
        sa.Column("last_checked", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=op.f("reconciliation_pkey")),
    )
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("work_item_id", sa.Uuid()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("mended", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("finding_pkey")),
    )
    op.create_index(
        "finding_at_ix",
        "finding",
        [sa.literal_column("at desc"), sa.literal_column("finding_id desc")],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("finding")
    op.drop_table("reconciliation")
    op.drop_index("case_seen_awaits_ix", table_name="case_seen")
    for name in ("customer_id", "reference", "set_aside", "awaits"):
        op.drop_column("case_seen", name)
