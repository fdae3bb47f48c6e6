"""To which address set words were said: no address gets them too often, in whatever names a stranger writes.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table acknowledgement add recipient text")
    op.execute(
        "create index acknowledgement_recipient_ix on acknowledgement (recipient, at) where recipient is not null"
    )


def downgrade() -> None:
    op.execute("drop index acknowledgement_recipient_ix")
    op.execute("alter table acknowledgement drop recipient")
