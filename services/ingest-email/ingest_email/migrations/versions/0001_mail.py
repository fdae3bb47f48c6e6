"""Mails, attachments, deliveries, IMAP cursors, and what is sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from antiphon.postgres.migrations import create_plumbing_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_plumbing_v1()
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
        sa.PrimaryKeyConstraint("interaction_id", name="mail_pkey"),
    )
    # Mails are compressed by their own encodings at best; trying costs more than it saves.
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
        "sending",
        sa.Column("reply_id", sa.Uuid, nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("request", JSONB, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("envelope_from", sa.Text),
        sa.Column("recipient", sa.Text),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("reply_id", name="sending_pkey"),
    )
    op.create_index(
        "sending_due_ix", "sending", ["next_attempt_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("sending_message_id_key", "sending", ["message_id"], unique=True)
    op.create_index("sending_state_ix", "sending", ["state"])
    op.execute(
        "create trigger sending_notify after insert on sending for each statement execute function notify_of_insert()"
    )
    op.create_table(
        "attempt",
        sa.Column("reply_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text),
        sa.Column("told", sa.Text),
        sa.PrimaryKeyConstraint("reply_id", "number", name="attempt_pkey"),
        sa.ForeignKeyConstraint(["reply_id"], ["sending.reply_id"], name="attempt_reply_id_fkey"),
    )
