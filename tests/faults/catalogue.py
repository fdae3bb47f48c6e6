"""All faults by name: those of a stack with one broker, those of a stack with three brokers, and the rush."""

from collections.abc import Callable
from functools import partial

from antiphon.service_names import SERVICES
from deploy.site import PROJECT
from tests.faults import injections
from tests.faults.clock_jump import clock_jump
from tests.faults.duplicates import duplicates
from tests.faults.full_disk import full_disk
from tests.faults.injections import Injection
from tests.faults.mail_server import Behaviour
from tests.faults.stand import Fault, Report, Stand
from tests.load.traffic import Channel

FOLDER = PROJECT / ".antiphon" / "faults"
CHANNEL_OF: dict[str, Channel] = {"ingest-email": "email", "ingest-social": "social"}
PROCESSES = (*SERVICES, *injections.INFRASTRUCTURE)
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
"""This fault has a stack, an organisation and agents of its own."""
HISTORIES = "histories-of-cases"
"""This one plays random histories of cases on PostgreSQL, for as long as `--minutes` says."""


def names() -> set[str]:
    """The names of all faults."""
    return {fault.name for fault in (*catalogue(quick=False), *catalogue_of_cluster())} | {RUSH, HISTORIES}


def catalogue(*, quick: bool) -> list[Fault]:
    """The faults of a stack with one broker, in their order."""
    stop = QUICK_STOP_S if quick else STOP_S
    short = QUICK_SHORT_S if quick else SHORT_S
    times = QUICK_TIMES if quick else TIMES

    def on_stack(
        inject: Callable[..., Injection], *arguments: object
    ) -> Callable[[Stand, Report], Injection]:
        return lambda stand, _report: inject(stand.stack, *arguments)

    faults = [
        Fault(f"kill-{name}", on_stack(injections.kill, name), CHANNEL_OF.get(name, "direct"))
        for name in PROCESSES
    ]
    faults += [
        Fault(f"stop-{name}", on_stack(injections.pause, name, stop), CHANNEL_OF.get(name, "direct"))
        for name in PROCESSES
    ]
    faults += [
        Fault(f"mail-{behaviour}", partial(_mail, behaviour=behaviour, seconds=short), by_answer=True)
        for behaviour in Behaviour
        if behaviour is not Behaviour.NORMAL
    ]
    faults += [
        Fault(
            "duplicates",
            lambda s, report: duplicates(s.stack, s.dice, short, report, other_partition=False),
            None,
        ),
        Fault(
            "duplicates-elsewhere",
            lambda s, report: duplicates(s.stack, s.dice, short, report, other_partition=True),
            None,
        ),
        *(
            Fault(f"disk-full-{name}", on_stack(full_disk, name, FOLDER / "disk", short), supervised=False)
            for name in ("customer-profile", "ingest-direct")
        ),
        Fault("clock-jump", on_stack(clock_jump, FOLDER, short), supervised=False),
        Fault("rolling-restart", lambda s, report: injections.rolling_restart(s.stack, report), replicas=2),
        Fault("at-random", lambda s, report: injections.at_random(s.stack, s.dice, times, report)),
    ]
    return [fault for fault in faults if fault.name in QUICK] if quick else faults


def catalogue_of_cluster() -> list[Fault]:
    """The faults of a stack with three brokers."""
    return [Fault("kill-leader", lambda s, report: injections.kill_leader(s.stack, report), supervised=False)]


def _mail(stand: Stand, _report: Report, *, behaviour: Behaviour, seconds: float) -> Injection:
    return injections.mail_server_behaves(stand.mail, behaviour, seconds)
