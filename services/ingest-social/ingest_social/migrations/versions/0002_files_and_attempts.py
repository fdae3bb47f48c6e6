"""The files of posts, each attempt to send, and the order of an author's changes.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("post", sa.Column("position", sa.Text(), nullable=True))
    op.add_column("stream_cursor", sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "attempt",
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["reply_id"], ["sending.reply_id"], name=op.f("attempt_reply_id_fkey")),
        sa.PrimaryKeyConstraint("reply_id", "number", name=op.f("attempt_pkey")),
    )
    op.create_table(
        "attachment",
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("interaction_id", sa.Uuid(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["post.interaction_id"], name=op.f("attachment_interaction_id_fkey")
        ),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("attachment_pkey")),
    )
    op.create_index("attachment_interaction_id_ix", "attachment", ["interaction_id"], unique=False)
    op.create_index(
        "attachment_due_ix",
        "attachment",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
