"""Outgoing events that Kafka refused for good, with the reason.

Revision ID: 0005
Revises: 0004
"""

from antiphon.migrations import create_plumbing_v2, drop_plumbing_v2

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing_v2()


def downgrade() -> None:
    drop_plumbing_v2()
