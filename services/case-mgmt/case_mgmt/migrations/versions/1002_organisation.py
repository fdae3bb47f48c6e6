"""Creates the table of the organisation's active version.

Revision ID: 1002
Revises: 1001
"""

from antiphon.postgres.migrations import create_organisation_v1

revision = "1002"
down_revision = "1001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_organisation_v1()
