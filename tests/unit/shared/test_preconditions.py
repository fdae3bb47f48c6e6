"""If-Match is read as RFC 9110, section 13.1.1, says."""

import pytest

from antiphon.http.preconditions import seen
from antiphon.http.problems import Problem


@pytest.mark.parametrize(
    ("if_match", "matching"),
    [
        ("*", {1, 2, 3, 4}),
        (" * ", {1, 2, 3, 4}),
        ('"3"', {3}),
        ('"1", "3"', {1, 3}),
        ('"1","3" , ', {1, 3}),
        ("3", {3}),
        ('W/"3"', set()),
        ('W/"3", "2"', {2}),
        ('"another-API,3"', set()),
        ('""', set()),
        ('"3000000000000"', set()),
    ],
)
def test_if_match_names_the_revisions_that_the_caller_has_seen(if_match: str, matching: set[int]) -> None:
    assert {revision for revision in range(1, 5) if seen(if_match).matches(revision)} == matching


def test_a_revision_between_two_matches_a_range() -> None:
    assert seen('"3"').matches(2, 4)
    assert not seen('"3"').matches(4, 5)
    assert seen("*").matches(4, 5)


@pytest.mark.parametrize(
    ("if_match", "status"),
    [(None, 428), ("x", 422), ("", 422), ('"3', 422), ('"3" "4"', 422), ('"3", *', 422)],
)
def test_a_header_that_is_no_etag_is_answered_with_its_name(if_match: str | None, status: int) -> None:
    with pytest.raises(Problem) as refused:
        seen(if_match)
    assert refused.value.status == status
    if status == 422:
        assert [error["header"] for error in refused.value.body["errors"]] == ["If-Match"]
