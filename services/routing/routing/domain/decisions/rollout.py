"""Which cases are decided by a version that is active for a share of them."""

from hashlib import sha256
from uuid import UUID


def in_rollout(version: int, rollout: int, case_id: UUID) -> bool:
    """Whether the case is among the first `rollout` of a hundred: always the same for one version, and still when it widens.

    Each version draws anew, so that not the same customers are always the first.
    """
    drawn = sha256(version.to_bytes(8) + case_id.bytes).digest()
    return int.from_bytes(drawn[:8]) * 100 < rollout << 64
