"""The tables of delivery, and what is handed over in one of its own."""

import sqlalchemy as sa
from alembic import op

from antiphon.delivery.migration import create_delivery_v1

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_delivery_v1()
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
    op.execute(
        """
        insert into outgoing_reply (reply_id, request, destination, state, reason, attempts, requested_at,
            next_attempt_at, native_ids, ended_at)
        select reply_id, request, destination, state, reason, attempts, requested_at,
            case when state = 'waiting' then next_attempt_at end,
            case when state = 'sent' then array[message_id] else '{}' end, ended_at
        from sending
        """
    )
    op.execute(
        """
        insert into reply_attempt (reply_id, number, began_at, ended_at, outcome, detail)
        select reply_id, number, began_at, ended_at, outcome, told from attempt
        """
    )
    op.execute(
        """
        insert into outgoing_mail (reply_id, message_id, envelope_from, recipient, raw)
        select reply_id, message_id, envelope_from, recipient, raw from sending where raw is not null
        """
    )
    op.drop_table("attempt")
    op.drop_table("sending")
