"""Creates the table of API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "1002"
down_revision = "1001"


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("api_key_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_by", sa.Text),
        sa.PrimaryKeyConstraint("api_key_id", name="api_key_pkey"),
        sa.UniqueConstraint("digest", name="api_key_digest_key"),
    )
    op.create_index("api_key_list_ix", "api_key", [sa.text("created_at desc"), sa.text("api_key_id desc")])
