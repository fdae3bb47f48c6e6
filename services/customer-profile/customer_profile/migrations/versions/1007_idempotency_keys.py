"""Creates the table of idempotency keys."""

from antiphon.postgres.migrations import create_idempotency_keys_v1

revision = "1007"
down_revision = "1006"


def upgrade() -> None:
    create_idempotency_keys_v1()
