"""Outgoing events that Kafka refused for good, with the reason.

Revision ID: 0003
Revises: 0002
"""

from antiphon.postgres.migrations import create_plumbing_v2, drop_plumbing_v2

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing_v2()


def downgrade() -> None:
    drop_plumbing_v2()
