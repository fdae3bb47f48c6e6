"""Creates the table of idempotency keys, whose digests replace those of replies."""

from alembic import op

from antiphon.postgres.migrations import create_idempotency_keys_v1

revision = "1007"
down_revision = "1006"


def upgrade() -> None:
    create_idempotency_keys_v1()
    op.drop_column("reply", "body_sha256")
