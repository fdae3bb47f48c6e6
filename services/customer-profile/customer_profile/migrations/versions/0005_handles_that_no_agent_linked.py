"""A handle belongs to a customer only on the word of an agent: links that messages made before that are removed.

They are kept as removed by the system, which keeps nobody from linking them again.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        with gone as (
            delete from identifier where kind = 'handle' and stated_by <> 'agent'
            returning key, customer_id, stated_by, source, linked_at
        ),
        kept as (
            insert into unlinked_identifier (key, customer_id, stated_by, source, linked_at, unlinked_by, unlinked_at)
            select key, customer_id, stated_by, source, linked_at, 'system', now() from gone
        )
        update customer set revision = revision + 1 where customer_id in (select customer_id from gone)
        """
    )


def downgrade() -> None:
    op.execute(
        """
        with gone as (
            delete from unlinked_identifier where unlinked_by = 'system' and key like 'handle:%' returning *
        )
        insert into identifier (key, kind, value, customer_id, stated_by, source, linked_at)
        select key, 'handle', substr(key, length('handle:') + 1), customer_id, stated_by, source, linked_at from gone
        on conflict do nothing
        """
    )
