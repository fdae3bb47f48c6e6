"""The scaling model keeps the laws of queues, and says what its figures say."""

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.site import PROJECT
from tests.load import scaling, scaling_document
from tests.load.scaling import Costs
from tests.load.scaling_simulation import Stage, fitted, shares, simulate, way, zipf

ONE = Stage(fixed=0.01, each=0.0, partitions=1, most=1)


@pytest.mark.parametrize(
    "stages", [[ONE], [Stage(0.02, 0.001)], way(0.01, (0.001, 0.002), 0.0002, replicas=3)]
)
def test_littles_law_what_is_inside_is_the_rate_times_the_time_inside(stages: Sequence[Stage]) -> None:
    found = simulate(stages, 80, 5000)
    rate = 5000 / found.span
    assert found.mean_in_system == pytest.approx(rate * sum(found.sojourns) / 5000, rel=1e-6)


@pytest.mark.parametrize("use", [0.3, 0.6, 0.8])
def test_one_at_a_time_in_equal_time_waits_as_pollaczek_and_khinchine_say(use: float) -> None:
    found = simulate([ONE], use / ONE.fixed, 40_000, seed=3)
    waited = sum(found.sojourns) / 40_000 - ONE.fixed
    assert waited == pytest.approx(use * ONE.fixed / (2 * (1 - use)), rel=0.1)
    assert found.busy[0] == pytest.approx(use, rel=0.02)


def test_more_than_can_be_served_waits_ever_longer_one_at_a_time_but_not_in_batches() -> None:
    short, long = (simulate([ONE], 150, count).percentile(99) for count in (2_000, 20_000))
    assert long > 8 * short
    batched = ONE._replace(most=500)
    short, long = (simulate([batched], 150, count).percentile(99) for count in (2_000, 20_000))
    assert long == pytest.approx(short, rel=0.1)
    assert simulate([batched], 1500, 20_000).batch[0] > 10


def test_an_even_load_is_halved_by_twice_the_partitions_a_hot_key_is_not() -> None:
    even, hot = zipf(100_000, 0), [0.5, *[0.5 / 99_999] * 99_999]
    assert sum(shares(even, 12)) == pytest.approx(1)
    assert max(shares(even, 12)) == pytest.approx(max(shares(even, 6)) / 2, rel=0.05)
    assert max(shares(hot, 96)) > 0.5


def test_the_same_seed_is_the_same_run() -> None:
    stages = way(0.01, (0.001, 0.002), 0.0002, partitions=12, replicas=3)
    assert simulate(stages, 300, 2000, of=zipf(500, 1)) == simulate(stages, 300, 2000, of=zipf(500, 1))


def test_the_fitted_way_takes_as_long_as_it_was_fitted_to() -> None:
    def made(fixed: float) -> list[Stage]:
        return way(fixed, (0.001, 0.001), 0.0001)

    found = simulate(made(fitted(made, 0.2, 20)), 20, 3000, steady=True)
    assert found.percentile(50) == pytest.approx(0.2, rel=0.01)


@given(st.floats(1, 1e5), st.floats(1e-4, 1e-2), st.floats(0, 1.2))
def test_needed_partitions_are_enough_and_half_of_them_are_not(rate: float, held: float, skew: float) -> None:
    needed = scaling.partitions_needed(rate, held, 0.7, 1000, skew)
    if needed is None:
        assert rate * held * scaling.hottest(scaling.PARTITIONS[-1], 1000, skew) > 0.7
        return
    assert rate * held * scaling.hottest(needed, 1000, skew) <= 0.7
    place = scaling.PARTITIONS.index(needed)
    if place:
        assert rate * held * scaling.hottest(scaling.PARTITIONS[place - 1], 1000, skew) > 0.7


def test_limits_come_in_the_order_in_which_they_are_reached_and_move_with_their_figure() -> None:
    costs = Costs.read()
    found = scaling.limits(costs)
    assert [limit.per_second for limit in found] == sorted(limit.per_second for limit in found)
    cheaper = replace(costs, bench={**costs.bench, "ceiling": costs.bench["ceiling"] * 2})
    relay = {limit.what: limit.per_second for limit in found}
    moved = {limit.what: limit.per_second for limit in scaling.limits(cheaper)}
    assert {what for what in relay if moved[what] != relay[what]} == {"relay of routing: one leads"}


def test_a_run_takes_the_place_of_the_figures_kept(tmp_path: Path) -> None:
    rows = [
        {"figure": "throughput", "value": 900.0, "baseline": 7000.0, "note": ""},
        {"figure": "wal", "value": 5.0, "baseline": None, "note": ""},
        {"figure": "latency_half_p50", "value": 60.0, "baseline": None, "note": "accepted → offered at 44/s"},
    ]
    run = tmp_path / "bench.jsonl"
    run.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept, read = Costs.read(), Costs.read(run)
    assert (read.bench["throughput"], read.bench["ceiling"], read.bench["wal"]) == (900.0, 7000.0, 5.0)
    assert read.bench["latency_half_per_second"] == 44.0
    assert read.bench["cpu_per_1000_routing"] == kept.bench["cpu_per_1000_routing"]


def test_who_serves_live_streams_reads_all_and_hands_out_a_share() -> None:
    costs = Costs.read()
    assert scaling.streams_cpu(costs, 200) == pytest.approx(10 * scaling.streams_cpu(costs, 20))
    for rate in (200, 1000, 2000):
        count = scaling.streams_replicas(costs, rate)
        share = scaling.streams_cpu(costs, rate) / count
        assert scaling.log_cpu(costs, rate) + share <= costs.assumed["cpu_use"]
    full = scaling.reached(lambda rate: scaling.log_cpu(costs, rate), costs.assumed["cpu_use"])
    assert scaling.streams_replicas(costs, full * 1.001) == float("inf")
    (alone,) = (limit.per_second for limit in scaling.limits(costs) if "one replica" in limit.what)
    assert scaling.streams_cpu(costs, alone) + scaling.log_cpu(costs, alone) == pytest.approx(
        costs.assumed["cpu_use"]
    )


def test_a_pass_with_nothing_waiting_reads_no_agent_and_the_longest_is_at_its_limit() -> None:
    costs = Costs.read()
    slow = replace(costs, measured={**costs.measured, "pass_us_per_agent": 1e6})
    assert scaling.pass_s(slow, 20, 0) == scaling.pass_s(costs, 20, 0)
    limit = next(limit for limit in scaling.limits(costs) if limit.what.startswith("assignment"))
    longest = costs.assumed["longest_pass_ms"] / 1000
    assert scaling.pass_s(costs, limit.per_second, limit.per_second * longest) == pytest.approx(longest)


def test_figures_are_kept_in_place_with_their_comments() -> None:
    text = scaling_document.FIGURES.read_text()
    bench = Costs.read().bench
    twice = {name: value * 2 for name, value in bench.items()}
    put = scaling_document.with_figures(text, "a run", twice)
    read = tomllib.loads(put)
    assert read["run"] == "a run"
    assert read["bench"] == pytest.approx(twice, rel=1e-3)
    assert {name: read[name] for name in ("measured", "assumed")} == {
        name: tomllib.loads(text)[name] for name in ("measured", "assumed")
    }
    assert put.count("#") == text.count("#")
    again = scaling_document.with_figures(put, Costs.read().run, bench)
    assert tomllib.loads(again) == tomllib.loads(scaling_document.with_figures(text, Costs.read().run, bench))


def test_a_run_is_described_by_its_size(tmp_path: Path) -> None:
    run = tmp_path / "bench.jsonl"
    run.write_text('{"figure": "growth_history_10k"}\n{"figure": "growth_history_1m"}\n')
    assert scaling_document.described(run).startswith("a full bench run of ")
    run.write_text('{"figure": "growth_history_10k"}\n{"figure": "growth_history_100k"}\n')
    assert scaling_document.described(run).startswith("a quick bench run of ")


def test_a_table_without_a_place_is_not_lost_in_silence() -> None:
    with pytest.raises(LookupError, match="0 places for loads"):
        scaling_document.with_shown("no marks", {"loads": "| |"})


def test_the_document_says_which_run_its_figures_are_from() -> None:
    assert scaling_document.origin(Costs.read().run) in scaling_document.DOCUMENT.read_text()


@pytest.mark.parametrize("made", scaling.TABLES)
def test_the_document_shows_the_tables_as_they_are_made(made: Callable[[Costs], str]) -> None:
    document = (PROJECT / "docs" / "scaling.md").read_text()
    assert made(Costs.read()) in document, "run `python -m tests.load.scaling --write`"
