"""Creates the tables of customer-profile.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from antiphon.postgres.migrations import create_plumbing_v1

revision = "1001"
down_revision = None
branch_labels = None
depends_on = None

# A quarter of each page stays free: these rows change soon after they are written, and the change stays in its page.
CHANGES_SOON = {"fillfactor": 75}


def upgrade() -> None:
    create_plumbing_v1()
    op.create_table(
        "customer",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "folded_name",
            sa.Text(collation="C"),
            sa.Computed("coalesce(lower(name), '')", persisted=True),
            nullable=False,
        ),
        sa.Column("name_source", sa.Text(), nullable=True),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interactions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("customer_pkey")),
        postgresql_with=CHANGES_SOON,
    )
    op.create_index("customer_folded_name_ix", "customer", ["folded_name", "customer_id"], unique=False)
    op.create_table(
        "identifier_conflict",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("other_customer_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("identifier_conflict_pkey")),
    )
    op.create_index(
        "identifier_conflict_once_key",
        "identifier_conflict",
        ["key", "customer_id", "other_customer_id"],
        unique=True,
    )
    op.create_index(
        "identifier_conflict_customer_id_ix", "identifier_conflict", ["customer_id", "id"], unique=False
    )
    op.create_index(
        "identifier_conflict_other_customer_id_ix",
        "identifier_conflict",
        ["other_customer_id", "id"],
        unique=False,
    )
    op.create_table(
        "interaction",
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("speaker_key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("tone", sa.Text(), nullable=False),
        sa.Column("automation", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("case_reference", sa.Text(), nullable=True),
        sa.Column("earlier", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("interaction_pkey")),
        postgresql_with=CHANGES_SOON,
    )
    op.create_index(
        "interaction_timeline_ix",
        "interaction",
        ["customer_id", sa.literal_column("occurred_at desc"), sa.literal_column("interaction_id desc")],
        unique=False,
    )
    op.create_table(
        "unlinked_identifier",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("stated_by", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unlinked_by", sa.Text(), nullable=False),
        sa.Column("unlinked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("unlinked_identifier_pkey")),
    )
    op.create_index(
        "unlinked_identifier_customer_id_ix", "unlinked_identifier", ["customer_id"], unique=False
    )
    op.create_index("unlinked_identifier_key_ix", "unlinked_identifier", ["key"], unique=False)
    op.create_table(
        "identifier",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("stated_by", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.customer_id"],
            name=op.f("identifier_customer_id_fkey"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("identifier_pkey")),
    )
    op.create_index("identifier_customer_id_ix", "identifier", ["customer_id"], unique=False)
