"""No two indexes hold the same rows by different columns: the planner takes either while it believes that they are few.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("drop index clock_running_policy_ix")
    op.execute(
        "create index clock_running_policy_ix on clock (policy, clock_id) "
        "where met_at is null and cancelled_at is null and policy <> ''"
    )
    op.execute("drop index offer_agent_ix")


def downgrade() -> None:
    op.execute("create index offer_agent_ix on offer (agent_id) where result is null")
    op.execute("drop index clock_running_policy_ix")
    op.execute(
        "create index clock_running_policy_ix on clock (policy, clock_id) where met_at is null and cancelled_at is null"
    )
