"""Posts, cursors and what was set aside belong to an account; what a post is, is the network's word.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Until now there was one account, on one network. Its answers name it.
_ACCOUNT = (
    "coalesce((select request ->> 'account' from outgoing_reply order by requested_at desc limit 1), '')"
)


def upgrade() -> None:
    for table in ("post", "stream_cursor", "set_aside"):
        op.add_column(table, sa.Column("account", sa.Text(), nullable=True))
        op.execute(f"update {table} set account = {_ACCOUNT}")
        op.alter_column(table, "account", nullable=False)
    op.drop_constraint("stream_cursor_pkey", "stream_cursor")
    op.create_primary_key("stream_cursor_pkey", "stream_cursor", ["network", "account"])
    op.alter_column(
        "stream_cursor",
        "position",
        type_=sa.Text(),
        existing_type=sa.BigInteger(),
        postgresql_using="position::text",
    )
    for name, value in (
        ("speaker_key", "'did:' || author"),
        ("kind", "'mention'"),
        ("visibility", "'public'"),
    ):
        op.add_column("post", sa.Column(name, sa.Text(), nullable=True))
        op.execute(f"update post set {name} = {value}")
        op.alter_column("post", name, nullable=False)
    op.add_column("post", sa.Column("conversation", sa.Text(), nullable=True))
    op.add_column("post", sa.Column("rating", sa.Integer(), nullable=True))
    op.drop_constraint("post_native_id_key", "post")
    op.create_index("post_native_id_key", "post", ["network", "account", "native_id"], unique=True)
    op.alter_column("attachment", "sha256", existing_type=sa.Text(), nullable=True)
