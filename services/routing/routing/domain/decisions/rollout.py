"""Which cases a version in a rollout decides."""

from hashlib import sha256
from uuid import UUID


def in_rollout(version: int, rollout: int, case_id: UUID) -> bool:
    """Whether the version decides the case in a rollout to `rollout` percent of the cases.

    The answer for a version and a case never changes; a wider rollout only adds cases. Each version draws other cases, so
    that not always the same customers are first.
    """
    drawn = sha256(version.to_bytes(8) + case_id.bytes).digest()
    return int.from_bytes(drawn[:8]) * 100 < rollout << 64
