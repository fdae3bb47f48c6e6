"""Which cases what was said in a conversation is on: what stood among the references, by a prefix that any sender could write.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Only what a system brought in: a mail with such a reference was taken for a part of the conversation too.
BROUGHT_IN = (
    "from channel_reference r where reference like 'conversation:%' and exists (select from case_interaction i "
    "where i.case_id = r.case_id and i.interaction ->> 'channel' not in ('email', 'social') "
    "and i.interaction -> 'thread' -> 'answers' ? r.reference)"
)


def upgrade() -> None:
    op.execute(
        "create table case_conversation (conversation text, case_id uuid, "
        "constraint case_conversation_pkey primary key (conversation, case_id))"
    )
    op.execute(
        f"insert into case_conversation select substr(reference, length('conversation:') + 1), case_id {BROUGHT_IN}"
    )
    op.execute("delete from channel_reference where reference like 'conversation:%'")


def downgrade() -> None:
    op.execute(
        "insert into channel_reference select 'conversation:' || conversation, case_id from case_conversation"
    )
    op.execute("drop table case_conversation")
