"""Why an agent can't take work now: kinds of obstacles and their texts."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from antiphon.organisation.agent import Away, AwayKind
from routing.domain.matching.eligibility import BUSY, Lack, Obstacle, ProfileLoad, WhyNot, in_words, not_there

AT = datetime(2026, 11, 2, 9, 30, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WORDS = {
    not_there(Away.of(AwayKind.ABSENT, AT, BERLIN)): "absent until 2026-11-02 10:30",
    not_there(Away.of(AwayKind.OUTSIDE_SHIFT, None, BERLIN)): "outside the shift",
    Obstacle(WhyNot.PRESENCE, presence="lacks nothing"): "lacks nothing",
    Obstacle(WhyNot.WRAP_UP, until=AT): "wraps up until 09:30:05",
    Obstacle(WhyNot.QUEUE_CLOSED): "their queue is not open",
    Obstacle(WhyNot.OTHER_QUEUE): "not in this queue",
    Obstacle(WhyNot.SKILLS, lacks=(Lack("rates", 6), Lack("welsh", 1))): "lacks rates 6, welsh 1",
    Obstacle(
        WhyNot.PROFILES, full=(ProfileLoad("Written", 2, 2), ProfileLoad("Post", 3, 1))
    ): 'has no free capacity in "Written": 2 of 2, "Post": 3 of 1',
    Obstacle(WhyNot.CAPACITY): "no capacity",
    Obstacle(
        WhyNot.RAMP_UP, until=AT
    ): "ramps up until 09:30:05: offered little at a time after a long absence",
    Obstacle(WhyNot.REFUSED): "declined it, let it pass or lost it again: others are asked first",
}


@pytest.mark.parametrize("obstacle", WORDS, ids=lambda obstacle: obstacle.kind)
def test_each_kind_of_obstacle_has_its_text(obstacle: Obstacle) -> None:
    assert in_words(obstacle) == WORDS[obstacle]


def test_every_kind_of_obstacle_is_in_the_table_of_texts() -> None:
    assert [obstacle.kind for obstacle in WORDS] == list(WhyNot)
    assert BUSY.isdisjoint({WhyNot.PRESENCE, WhyNot.SKILLS, WhyNot.REFUSED})
