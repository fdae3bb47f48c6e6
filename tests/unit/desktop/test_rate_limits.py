"""Rate limits: what is counted, when it begins again, and what the headers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.domain.rate_limits import Counts, Quota, network_of

QUOTA = Quota("requests", 3, 60)


def test_a_caller_may_send_the_quota_and_again_when_the_window_has_ended() -> None:
    counts = Counts(QUOTA)
    taken = [counts.take("key:crm", now) for now in (100, 110, 120, 130.5, 159.9, 160)]
    assert [one.is_allowed for one in taken] == [True, True, True, False, False, True]
    assert [one.remaining for one in taken] == [2, 1, 0, 0, 0, 2]
    assert [one.reset_s for one in taken] == [60, 50, 40, 30, 1, 60]


def test_callers_are_counted_apart() -> None:
    counts = Counts(QUOTA)
    for _ in range(4):
        counts.take("key:crm", 0)
    assert counts.take("key:shop", 0).is_allowed
    assert not counts.look("key:crm", 0).is_allowed


def test_to_look_counts_nothing() -> None:
    counts = Counts(QUOTA)
    assert [counts.look("a", 0).remaining for _ in range(9)] == [3] * 9
    assert len(counts) == 0


def test_the_headers_are_those_of_the_draft_and_say_when_to_come_again() -> None:
    counts = Counts(Quota("requests", 1, 60))
    assert counts.take("a", 0).headers() == {
        "RateLimit-Policy": '"requests";q=1;w=60',
        "RateLimit": '"requests";r=0;t=60',
    }
    assert counts.take("a", 20).headers() == {
        "RateLimit-Policy": '"requests";q=1;w=60',
        "RateLimit": '"requests";r=0;t=40',
        "Retry-After": "40",
    }


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_in_no_window_does_a_caller_get_more_than_the_quota(steps: list[tuple[str, float]]) -> None:
    counts, now = Counts(QUOTA, forget_from=1), 0.0
    began: dict[str, float] = {}
    allowed: dict[str, int] = {}
    for caller, wait in steps:
        now += wait
        if caller not in began or now >= began[caller] + QUOTA.window_s:
            began[caller], allowed[caller] = now, 0
        is_allowed = counts.take(caller, now).is_allowed
        assert is_allowed == (allowed[caller] < QUOTA.requests)
        allowed[caller] += is_allowed


def test_callers_of_windows_that_ended_are_forgotten() -> None:
    counts = Counts(QUOTA, forget_from=10)
    for number in range(1000):
        counts.take(f"caller {number}", number)
    assert len(counts) <= 2 * QUOTA.window_s + 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix:", "unix:"),
    ],
)
def test_failures_are_counted_by_what_one_client_can_have(address: str, network: str) -> None:
    assert network_of(address) == network
