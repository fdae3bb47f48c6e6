"""All faults, by name: those of one stack, those of a stack with three brokers, and the rush."""

from collections.abc import Callable
from functools import partial

from antiphon.service_names import SERVICES
from deploy.site import PROJECT
from tests.faults import strikes
from tests.faults.clock import clock_jump
from tests.faults.copies import copied
from tests.faults.disk import full_disk
from tests.faults.mailhost import Mood
from tests.faults.stand import Fault, Stand, Tell
from tests.faults.strikes import Strike
from tests.load.traffic import Channel

FOLDER = PROJECT / ".antiphon" / "faults"
DOOR_OF: dict[str, Channel] = {"ingest-email": "email", "ingest-social": "social"}
KILLED = (*SERVICES, *strikes.GROUND)
QUICK = (
    "kill-case-mgmt",
    "stop-routing",
    "mail-hanging-up",
    "duplicates",
    "kill-kafka",
)
STOP_S, QUICK_STOP_S = 30.0, 4.0
SHORT_S, QUICK_SHORT_S = 12.0, 4.0
TIMES, QUICK_TIMES = 12, 3


RUSH = "replicas-of-routing"
"""On a stack of its own, with a crew of its own."""


def names() -> set[str]:
    """All faults by name."""
    return {fault.name for fault in (*catalogue(quick=False), *catalogue_of_cluster())} | {RUSH}


def catalogue(*, quick: bool) -> list[Fault]:
    """The faults of a stack with one broker, in the order in which they are made."""
    stop = QUICK_STOP_S if quick else STOP_S
    short = QUICK_SHORT_S if quick else SHORT_S
    times = QUICK_TIMES if quick else TIMES

    def on_stack(strike: Callable[..., Strike], *given: object) -> Callable[[Stand, Tell], Strike]:
        return lambda stand, _tell: strike(stand.stack, *given)

    faults = [
        Fault(f"kill-{name}", on_stack(strikes.kill, name), DOOR_OF.get(name, "direct")) for name in KILLED
    ]
    faults += [
        Fault(f"stop-{name}", on_stack(strikes.pause, name, stop), DOOR_OF.get(name, "direct"))
        for name in KILLED
    ]
    faults += [
        Fault(f"mail-{mood}", partial(_mail, mood=mood, seconds=short), by_answer=True)
        for mood in Mood
        if mood is not Mood.WELL
    ]
    faults += [
        Fault("duplicates", lambda s, tell: copied(s.stack, s.dice, short, tell, elsewhere=False), None),
        Fault(
            "duplicates-elsewhere", lambda s, tell: copied(s.stack, s.dice, short, tell, elsewhere=True), None
        ),
        *(
            Fault(f"disk-full-{name}", on_stack(full_disk, name, FOLDER / "disk", short), supervised=False)
            for name in ("customer-profile", "ingest-direct")
        ),
        Fault("clock-jump", on_stack(clock_jump, FOLDER, short), supervised=False),
        Fault("rolling-restart", lambda s, tell: strikes.rolling_restart(s.stack, tell), replicas=2),
        Fault("at-random", lambda s, tell: strikes.at_random(s.stack, s.dice, times, tell)),
    ]
    return [fault for fault in faults if fault.name in QUICK] if quick else faults


def catalogue_of_cluster() -> list[Fault]:
    """The faults of a stack with three brokers."""
    return [Fault("kill-leader", lambda s, tell: strikes.kill_leader(s.stack, tell), supervised=False)]


def _mail(stand: Stand, _tell: Tell, *, mood: Mood, seconds: float) -> Strike:
    return strikes.mail_trouble(stand.mail, mood, seconds)
