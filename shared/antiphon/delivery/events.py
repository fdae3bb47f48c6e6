"""The events that say what became of a reply."""

from collections.abc import Sequence
from datetime import datetime

from antiphon.contracts.replies import FailureOutcome, ReplyFailed, ReplyRequested, ReplySent


def sent(
    request: ReplyRequested, native_ids: Sequence[str], now: datetime, *, link: str | None = None
) -> ReplySent:
    """The channel took it."""
    return ReplySent(
        reply_id=request.reply_id,
        case_id=request.case_id,
        channel=request.channel,
        network=request.network,
        case_revision=request.case_revision,
        native_ids=list(native_ids),
        author=request.author,
        link=link,
        sent_at=now,
    )


def failed(
    request: ReplyRequested, outcome: FailureOutcome, reason: str, attempts: int, now: datetime
) -> ReplyFailed:
    """It did not reach the customer, or nobody can know."""
    return ReplyFailed(
        reply_id=request.reply_id,
        case_id=request.case_id,
        channel=request.channel,
        network=request.network,
        case_revision=request.case_revision,
        outcome=outcome,
        reason=reason,
        attempts=attempts,
        failed_at=now,
    )
