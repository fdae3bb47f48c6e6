"""In how many parts a network takes a reply, and when there are too many."""

import pytest

from antiphon.contracts.interactions import ReplyLimits
from antiphon.delivery.parts import graphemes, split_in, too_many_parts

LIMITS = ReplyLimits(parts=3, characters=300, bytes=3000)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("w", None),
        ("w" * 300, None),
        ("word " * 170, None),
        ("word " * 180, 4),
        ("word " * 600, 11),
        ("\N{WOMAN}" * 880, None),
        ("\N{WOMAN}" * 900, 4),
    ],
)
def test_a_reply_has_too_many_parts_as_it_would_be_split(text: str, parts: int | None) -> None:
    found = too_many_parts(text, LIMITS)
    assert (found and len(found)) == parts
    if found:
        assert found == split_in(text, 300, 3000)
        assert all(len(graphemes(part)) <= 300 for part in found)
