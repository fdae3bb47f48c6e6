"""The tables of delivery.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from antiphon.delivery.migration import create_delivery_v1

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_delivery_v1()
    op.execute(
        """
        insert into outgoing_reply (reply_id, request, destination, state, reason, attempts, requested_at,
            next_attempt_at, native_ids, ended_at)
        select reply_id, requested, network, state, last_error, attempts, requested_at,
            case when state = 'waiting' then next_attempt_at end, native_ids, finished_at
        from sending
        """
    )
    op.execute(
        """
        insert into reply_attempt (reply_id, number, began_at, ended_at, outcome, detail)
        select reply_id, number, began_at, ended_at,
            case outcome when 'sent' then 'accepted' when 'gave-up' then 'later' else outcome end, told
        from attempt
        """
    )
    op.drop_table("attempt")
    op.drop_table("sending")
