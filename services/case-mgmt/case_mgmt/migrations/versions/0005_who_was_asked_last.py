"""When somebody was last asked to answer a case, and an index by which its unanswered words are found.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table case_file add asked_revision integer not null default 0")
    op.execute("update case_file set asked_revision = words_revision")
    op.execute("create index case_interaction_accepted_ix on case_interaction (case_id, accepted_at)")
    op.execute("drop index case_interaction_case_id_ix")


def downgrade() -> None:
    op.execute("create index case_interaction_case_id_ix on case_interaction (case_id, occurred_at)")
    op.execute("drop index case_interaction_accepted_ix")
    op.execute("alter table case_file drop column asked_revision")
