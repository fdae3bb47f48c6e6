"""Creates the tables of ingest-social."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from antiphon.delivery.migration import create_delivery_v1
from antiphon.postgres.migrations import create_plumbing_v1

revision = "1001"
down_revision = None


def upgrade() -> None:
    create_plumbing_v1()
    create_delivery_v1()
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("interaction_id", sa.Uuid),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="delivery_pkey"),
    )
    op.create_index("delivery_outcome_ix", "delivery", ["outcome"])
    op.create_index("delivery_interaction_id_ix", "delivery", ["interaction_id"])
    op.create_table(
        "post",
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("native_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("position", sa.Text),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("speaker_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("visibility", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text),
        sa.Column("rating", sa.Integer),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("record", JSONB, nullable=False),
        sa.Column("earlier", JSONB, nullable=False, server_default="[]"),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("interaction_id", name="post_pkey"),
    )
    op.create_index("post_native_id_key", "post", ["network", "account", "native_id"], unique=True)
    op.create_index("post_author_ix", "post", ["author"])
    op.create_index(
        "post_accepted_at_ix", "post", [sa.text("accepted_at desc"), sa.text("interaction_id desc")]
    )
    op.create_table(
        "attachment",
        sa.Column("attachment_id", sa.Uuid, nullable=False),
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("native_id", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sa.PrimaryKeyConstraint("attachment_id", name="attachment_pkey"),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["post.interaction_id"], name="attachment_interaction_id_fkey"
        ),
    )
    op.create_index("attachment_interaction_id_ix", "attachment", ["interaction_id"])
    op.create_index(
        "attachment_due_ix", "attachment", ["next_attempt_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "stream_cursor",
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("network", "account", name="stream_cursor_pkey"),
    )
    op.create_table(
        "quarantined",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="quarantined_pkey"),
    )
