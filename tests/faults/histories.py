"""Random histories of cases on PostgreSQL, one after another for a given time: no event undoes what a person did."""

import asyncio
import random
import time
from collections.abc import Callable

from antiphon.postgres.engine import create_engine
from deploy.site import Ports, Site
from deploy.stack import Stack
from tests.faults.catalogue import FOLDER, HISTORIES
from tests.faults.result import FaultResult
from tests.support.routing.case_steps import CaseSteps, Step, prepared, verbs

LONGEST = 30
REPORT_EVERY = 500


async def run(seed: int, minutes: float, report: Callable[[str], None]) -> FaultResult:
    """Plays histories on a stack of its own; each that breaks an invariant is one disagreement, with its steps as a note."""
    result, began, played = FaultResult(HISTORIES, seed), time.monotonic(), 0
    dice = random.Random(seed)  # noqa: S311 - faults, not secrets
    stack = Stack(Site(FOLDER / "site-histories", Ports.free()))
    try:
        await asyncio.to_thread(stack.start_infrastructure)
        engine = create_engine(stack.postgres.url("routing"))
        try:
            pool = await prepared(engine)
            until = time.monotonic() + minutes * 60
            while time.monotonic() < until:
                played += 1
                steps: list[Step] = [
                    (dice.choice(verbs()), dice.randrange(10)) for _ in range(dice.randint(3, LONGEST))
                ]
                try:
                    await CaseSteps(pool, played).play(steps)
                except AssertionError as error:
                    result.disagreements += 1
                    result.notes.append(f"after {steps}: {error}")
                if played % REPORT_EVERY == 0:
                    report(f"{played} histories, {result.disagreements} broke an invariant")
        finally:
            await engine.dispose()
    finally:
        await asyncio.to_thread(stack.stop)
    result.notes.append(f"{played} histories of up to {LONGEST} steps")
    result.seconds = round(time.monotonic() - began, 1)
    return result
