"""Links that were removed are read by identifier, conflicts by either of their customers.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index unlinked_identifier_key_ix on unlinked_identifier (key)")
    op.execute("create index identifier_conflict_customer_id_ix on identifier_conflict (customer_id, id)")
    op.execute(
        "create index identifier_conflict_other_customer_id_ix on identifier_conflict (other_customer_id, id)"
    )


def downgrade() -> None:
    for index in (
        "unlinked_identifier_key_ix",
        "identifier_conflict_customer_id_ix",
        "identifier_conflict_other_customer_id_ix",
    ):
        op.execute(f"drop index {index}")
