"""Outgoing events that Kafka refused for good, with the reason.

Revision ID: 0004
Revises: 0003
"""

from antiphon.postgres.migrations import create_plumbing_v2, drop_plumbing_v2

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing_v2()


def downgrade() -> None:
    drop_plumbing_v2()
