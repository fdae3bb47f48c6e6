from datetime import timedelta

import pytest

from ingest_email.domain.attempts import Ended, State, Verdict, judge
from tests.unit.ingest_email.samples import NOW

MINUTE = timedelta(minutes=1)


def verdict(ended: Ended, attempts: int = 1, waited: timedelta = MINUTE) -> Verdict:
    return judge(
        ended,
        attempts=attempts,
        requested_at=NOW - waited,
        now=NOW,
        first_after=MINUTE,
        at_most_every=timedelta(hours=1),
        give_up_after=timedelta(days=3),
    )


def test_an_accepted_reply_is_sent() -> None:
    assert verdict(Ended.ACCEPTED).state is State.SENT


def test_a_refused_reply_has_failed() -> None:
    assert verdict(Ended.REFUSED) == (State.FAILED, NOW, False)


@pytest.mark.parametrize("ended", [Ended.LATER, Ended.UNKNOWN])
@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)])
def test_the_pause_between_attempts_doubles_up_to_its_limit(
    ended: Ended, attempts: int, minutes: int
) -> None:
    assert verdict(ended, attempts) == (State.WAITING, NOW + minutes * MINUTE, False)


def test_after_its_time_a_reply_is_given_up() -> None:
    assert verdict(Ended.LATER, 9, timedelta(days=3)) == (State.FAILED, NOW, True)


def test_the_last_attempt_is_made_when_the_time_is_over() -> None:
    waited = timedelta(days=3) - MINUTE
    assert verdict(Ended.LATER, 9, waited) == (State.WAITING, NOW + MINUTE, False)
