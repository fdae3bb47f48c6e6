"""What follows from the result of an attempt to send a reply."""

from datetime import UTC, datetime, timedelta

import pytest

from antiphon.delivery.attempts import Ended, Result, Schedule, State, Verdict, judge

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCHEDULE = Schedule(first_after=MINUTE, at_most_every=timedelta(hours=1), give_up_after=timedelta(days=3))


def verdict(
    ended: Ended,
    attempts: int = 1,
    waited: timedelta = MINUTE,
    *,
    wait: timedelta = timedelta(0),
    recognises_repeats: bool = True,
) -> Verdict:
    return judge(
        Result(ended, wait=wait),
        attempts=attempts,
        requested_at=NOW - waited,
        now=NOW,
        schedule=SCHEDULE,
        recognises_repeats=recognises_repeats,
    )


@pytest.mark.parametrize("recognises_repeats", [True, False])
def test_an_accepted_reply_is_sent_and_a_refused_one_has_failed(*, recognises_repeats: bool) -> None:
    taken = verdict(Ended.ACCEPTED, recognises_repeats=recognises_repeats)
    assert taken == Verdict(State.SENT)
    refused = verdict(Ended.REFUSED, recognises_repeats=recognises_repeats)
    assert (refused.state, refused.next_attempt_at, refused.failure) == (State.FAILED, None, "refused")


@pytest.mark.parametrize("ended", [Ended.LATER, Ended.UNKNOWN])
@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)])
def test_the_pause_between_attempts_doubles_up_to_its_limit(
    ended: Ended, attempts: int, minutes: int
) -> None:
    assert verdict(ended, attempts) == Verdict(State.WAITING, NOW + minutes * MINUTE)


def test_a_reply_that_may_be_out_goes_to_a_person_where_a_repeat_is_not_recognised() -> None:
    lost = verdict(Ended.UNKNOWN, recognises_repeats=False)
    assert (lost.state, lost.next_attempt_at, lost.failure) == (State.FAILED, None, "unknown")
    assert verdict(Ended.LATER, recognises_repeats=False).state is State.WAITING


@pytest.mark.parametrize("ended", [Ended.LATER, Ended.UNKNOWN])
def test_after_its_time_a_reply_is_given_up(ended: Ended) -> None:
    assert verdict(ended, 9, timedelta(days=3)).failure == "gave-up"


def test_the_last_attempt_is_made_when_the_time_is_over() -> None:
    waited = timedelta(days=3) - MINUTE
    assert verdict(Ended.LATER, 9, waited) == Verdict(State.WAITING, NOW + MINUTE)


@pytest.mark.parametrize("waited", [MINUTE, timedelta(days=3) - MINUTE])
def test_no_attempt_is_made_sooner_than_the_other_side_asks(waited: timedelta) -> None:
    assert verdict(Ended.LATER, 1, waited, wait=5 * MINUTE).next_attempt_at == NOW + 5 * MINUTE
