"""The scaling model follows queueing theory and its own figures."""

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
from tests.load.scaling_simulation import Stage, fitted, shares, simulate, stages_of, zipf

ONE = Stage(fixed=0.01, each=0.0, partitions=1, most=1)


@pytest.mark.parametrize(
    "stages", [[ONE], [Stage(0.02, 0.001)], stages_of(0.01, (0.001, 0.002), 0.0002, replicas=3)]
)
def test_the_mean_number_in_the_system_follows_littles_law(stages: Sequence[Stage]) -> None:
    outcome = simulate(stages, 80, 5000)
    rate = 5000 / outcome.span
    assert outcome.mean_in_system == pytest.approx(rate * sum(outcome.sojourns) / 5000, rel=1e-6)


@pytest.mark.parametrize("use", [0.3, 0.6, 0.8])
def test_a_single_server_waits_as_the_pollaczek_khinchine_formula_says(use: float) -> None:
    outcome = simulate([ONE], use / ONE.fixed, 40_000, seed=3)
    waited = sum(outcome.sojourns) / 40_000 - ONE.fixed
    assert waited == pytest.approx(use * ONE.fixed / (2 * (1 - use)), rel=0.1)
    assert outcome.busy[0] == pytest.approx(use, rel=0.02)


def test_an_overload_waits_ever_longer_one_at_a_time_but_not_in_batches() -> None:
    short, long = (simulate([ONE], 150, count).percentile(99) for count in (2_000, 20_000))
    assert long > 8 * short
    batched = ONE._replace(most=500)
    short, long = (simulate([batched], 150, count).percentile(99) for count in (2_000, 20_000))
    assert long == pytest.approx(short, rel=0.1)
    assert simulate([batched], 1500, 20_000).batch[0] > 10


def test_twice_the_partitions_halve_an_even_load_but_not_a_hot_key() -> None:
    even, hot = zipf(100_000, 0), [0.5, *[0.5 / 99_999] * 99_999]
    assert sum(shares(even, 12)) == pytest.approx(1)
    assert max(shares(even, 12)) == pytest.approx(max(shares(even, 6)) / 2, rel=0.05)
    assert max(shares(hot, 96)) > 0.5


def test_the_same_seed_gives_the_same_run() -> None:
    stages = stages_of(0.01, (0.001, 0.002), 0.0002, partitions=12, replicas=3)
    assert simulate(stages, 300, 2000, of=zipf(500, 1)) == simulate(stages, 300, 2000, of=zipf(500, 1))


def test_the_fitted_stages_have_the_median_that_they_were_fitted_to() -> None:
    def made(fixed: float) -> list[Stage]:
        return stages_of(fixed, (0.001, 0.001), 0.0001)

    outcome = simulate(made(fitted(made, 0.2, 20)), 20, 3000, steady=True)
    assert outcome.percentile(50) == pytest.approx(0.2, rel=0.01)


@given(st.floats(1, 1e5), st.floats(1e-4, 1e-2), st.floats(0, 1.2))
def test_the_needed_partitions_are_enough_and_the_next_fewer_are_not(
    rate: float, busy: float, skew: float
) -> None:
    needed = scaling.partitions_needed(rate, busy, 0.7, 1000, skew)
    if needed is None:
        assert rate * busy * scaling.hottest(scaling.PARTITIONS[-1], 1000, skew) > 0.7
        return
    assert rate * busy * scaling.hottest(needed, 1000, skew) <= 0.7
    place = scaling.PARTITIONS.index(needed)
    if place:
        assert rate * busy * scaling.hottest(scaling.PARTITIONS[place - 1], 1000, skew) > 0.7


def test_limits_are_in_the_order_of_their_rates_and_follow_their_figures() -> None:
    costs = Costs.read()
    limits = scaling.limits(costs)
    assert [limit.per_second for limit in limits] == sorted(limit.per_second for limit in limits)
    cheaper = replace(costs, bench={**costs.bench, "bare_hop": costs.bench["bare_hop"] * 2})
    relay = {limit.what: limit.per_second for limit in limits}
    moved = {limit.what: limit.per_second for limit in scaling.limits(cheaper)}
    assert {what for what in relay if moved[what] != relay[what]} == {"relay of routing: one leads"}


def test_the_figures_of_a_run_replace_those_in_the_file(tmp_path: Path) -> None:
    rows = [
        {"figure": "throughput", "value": 900.0, "baseline": 7000.0, "note": ""},
        {"figure": "wal", "value": 5.0, "baseline": None, "note": ""},
        {"figure": "latency_half_p50", "value": 60.0, "baseline": None, "note": "accepted → offered at 44/s"},
    ]
    run = tmp_path / "bench.jsonl"
    run.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept, read = Costs.read(), Costs.read(run)
    assert (read.bench["throughput"], read.bench["bare_hop"], read.bench["wal"]) == (900.0, 7000.0, 5.0)
    assert read.bench["latency_half_per_second"] == 44.0
    assert read.bench["cpu_per_1000_routing"] == kept.bench["cpu_per_1000_routing"]


def test_a_replica_of_live_streams_reads_all_changes_and_sends_its_share() -> None:
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


def test_a_pass_without_work_reads_no_agents_and_the_longest_pass_is_at_its_limit() -> None:
    costs = Costs.read()
    slow = replace(costs, measured={**costs.measured, "pass_us_per_agent": 1e6})
    assert scaling.pass_s(slow, 20, 0) == scaling.pass_s(costs, 20, 0)
    limit = next(limit for limit in scaling.limits(costs) if limit.what.startswith("assignment"))
    longest = costs.assumed["longest_pass_ms"] / 1000
    assert scaling.pass_s(costs, limit.per_second, limit.per_second * longest) == pytest.approx(longest)


def test_figures_are_written_in_place_and_comments_stay() -> None:
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


def test_the_description_of_a_run_has_its_size(tmp_path: Path) -> None:
    run = tmp_path / "bench.jsonl"
    run.write_text('{"figure": "growth_history_10k"}\n{"figure": "growth_history_1m"}\n')
    assert scaling_document.described(run).startswith("a full bench run of ")
    run.write_text('{"figure": "growth_history_10k"}\n{"figure": "growth_history_100k"}\n')
    assert scaling_document.described(run).startswith("a quick bench run of ")


def test_a_table_without_a_place_in_the_document_is_an_error() -> None:
    with pytest.raises(LookupError, match="0 places for loads"):
        scaling_document.with_tables("no marks", {"loads": "| |"})


def test_the_document_names_the_run_of_its_figures() -> None:
    assert scaling_document.origin(Costs.read().run) in scaling_document.DOCUMENT.read_text()


@pytest.mark.parametrize("made", scaling.TABLES)
def test_the_document_has_the_tables_of_the_model(made: Callable[[Costs], str]) -> None:
    document = (PROJECT / "docs" / "scaling.md").read_text()
    assert made(Costs.read()) in document, "run `python -m tests.load.scaling --write`"
