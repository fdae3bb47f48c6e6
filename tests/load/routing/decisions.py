"""What a live decision costs with all rows and events that it writes, while few and while many work items wait."""

import time
from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import text

from antiphon.contracts import generate
from antiphon.contracts.cases import CaseOpened
from antiphon.contracts.envelope import Envelope
from antiphon.kafka.consumer import Received
from antiphon.process.clock import utc_now
from routing import timers
from routing.configuration.active import Configurations
from routing.domain.configuration.document import read
from routing.domain.rules.conditions import decide
from routing.intake import cases
from tests.load.figures import Figure
from tests.load.routing.bench import Bench, percentile, short
from tests.load.routing.offers import MOST_GROWTH, wait
from tests.load.routing.rules import RULES, organisation

BATCH = 50
WARM_UP = 5  # batches that are not timed
_CONTEXTS = text("select context from decision order by at desc limit :count")


async def measure_decisions(bench: Bench) -> None:
    """Measures a case alone in its batch and a batch of fifty, with each number of waiting items; the baseline is CEL alone."""
    source, configurations = organisation(RULES), Configurations()
    configuration = read(source)
    async with bench.engine.begin() as tx:
        await configurations.load(tx, source, "bench", "bench", utc_now())
    async with bench.engine.begin() as tx:
        await timers.fire(tx, configurations, utc_now())  # the review after a new version
    first: float | None = None
    for waiting in bench.sizes.waiting:
        await wait(bench, waiting, list(configuration.queues))
        alone = await _decide(bench, configurations, 1, bench.sizes.rounds)
        batch = await _decide(bench, configurations, BATCH, max(bench.sizes.rounds // 10, 1))
        async with bench.engine.connect() as connection:
            contexts = (await connection.scalars(_CONTEXTS, {"count": bench.sizes.rounds})).all()
        bare: list[float] = []
        for context in contexts:
            began = time.process_time()
            decide(configuration.conditions, context)
            bare.append((time.process_time() - began) * 1000)
        rules, name = percentile(bare, 50), f"decision_{short(waiting)}"
        note = f"an opened case, {RULES} rules, {waiting:,} items wait; baseline: bare CEL; median of {len(alone)}"
        bench.add(Figure(name, percentile(alone, 50), "CPU-ms", rules, note=note))
        bench.add(Figure(f"{name}_batch", percentile(batch, 50), "CPU-ms", rules, note=f"a batch of {BATCH}"))
        if first is not None:
            note = f"baseline: {bench.sizes.waiting[0]:,} waiting"
            growth = Figure(
                f"{name}_growth", percentile(alone, 50), "CPU-ms", first, f"<= {MOST_GROWTH}", note
            )
            bench.add(growth)
        first = first or percentile(alone, 50)


async def _decide(bench: Bench, configurations: Configurations, size: int, rounds: int) -> Sequence[float]:
    """CPU milliseconds a case of this process, for each of so many batches."""
    taken: list[float] = []
    for _ in range(WARM_UP + rounds):
        batch = _opened(size)
        began = time.process_time()
        async with bench.engine.begin() as tx:
            await cases.apply(tx, batch, configurations, utc_now(), offering=True)
        taken.append((time.process_time() - began) * 1000 / size)
    return taken[WARM_UP:]


def _opened(count: int) -> list[Received]:
    """Events of so many new cases."""
    now = utc_now()
    event = CaseOpened.model_validate(generate.example("case.opened.v1")["data"])
    events: list[Received] = []
    for place in range(count):
        case = event.case.model_copy(
            update={"case_id": uuid4(), "reference": f"N-{place}", "awaiting_answer_since": now}
        )
        envelope = Envelope(str(uuid4()), "/bench", event.type, None, now, None)
        events.append(Received(event.model_copy(update={"case": case}), envelope, "cases", 0, place))
    return events
