"""What SMTP said of a mail beside its bytes, so that whether its sender was who it says can be judged afterwards.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table mail add mail_from text, add peer text, add helo text")


def downgrade() -> None:
    op.execute("alter table mail drop mail_from, drop peer, drop helo")
