"""Which targets of a case are breached: since a case has several clocks, one that is met says nothing of the others.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table case_file alter breached type text[] "
        "using case when breached then array['first-response'] else '{}'::text[] end"
    )


def downgrade() -> None:
    op.execute("alter table case_file alter breached type boolean using cardinality(breached) > 0")
