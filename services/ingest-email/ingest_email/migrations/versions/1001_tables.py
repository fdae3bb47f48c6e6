"""Creates the tables of ingest-email."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
        "mail",
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("sender", sa.Text),
        sa.Column("sender_name", sa.Text),
        sa.Column("reply_to", ARRAY(sa.Text), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("mail_references", ARRAY(sa.Text), nullable=False),
        sa.Column("automation", sa.Text, nullable=False),
        sa.Column("defects", ARRAY(sa.Text), nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("interaction", JSONB, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("raw_sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mail_from", sa.Text),
        sa.Column("peer", sa.Text),
        sa.Column("helo", sa.Text),
        sa.PrimaryKeyConstraint("interaction_id", name="mail_pkey"),
    )
    # The encodings of a mail compress its bytes at best: trying again costs more than it saves.
    op.execute("alter table mail alter column raw set storage external")
    op.create_index("mail_received_at_ix", "mail", ["received_at", "interaction_id"])
    op.create_index(
        "mail_automation_ix",
        "mail",
        ["automation", "received_at"],
        postgresql_where=sa.text("automation <> 'none'"),
    )
    op.create_index("mail_defects_ix", "mail", ["defects"], postgresql_using="gin")
    op.create_table(
        "attachment",
        sa.Column("attachment_id", sa.Uuid, nullable=False),
        sa.Column("interaction_id", sa.Uuid, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("content_id", sa.Text),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("attachment_id", name="attachment_pkey"),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["mail.interaction_id"], name="attachment_interaction_id_fkey"
        ),
    )
    op.execute("alter table attachment alter column data set storage external")
    op.create_index("attachment_interaction_id_ix", "attachment", ["interaction_id"])
    op.create_table(
        "imap_cursor",
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("last_uid", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name="imap_cursor_pkey"),
    )
    op.create_table(
        "outgoing_mail",
        sa.Column("reply_id", sa.Uuid, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("envelope_from", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("reply_id", name="outgoing_mail_pkey"),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["outgoing_reply.reply_id"], name="outgoing_mail_reply_id_fkey"
        ),
    )
    op.create_index("outgoing_mail_message_id_key", "outgoing_mail", ["message_id"], unique=True)
