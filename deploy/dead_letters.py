"""`make dead-letters`: runs `antiphon.kafka.dead_letters` on the databases of this site."""

import re
import subprocess
import sys

from antiphon.organisation.document import did_you_mean
from antiphon.service_names import SERVICES
from deploy.kafka import Kafka
from deploy.postgres import Postgres
from deploy.processes import StartError
from deploy.services import environment
from deploy.site import PROJECT, Site
from deploy.world import jars, listens

_NUMBER = re.compile(r"(parked:)?[0-9]{1,18}")


def run(site: Site, replay: str | None) -> int:
    """Lists dead letters and parked events, or replays `all`, `SERVICE:ID` or `SERVICE:parked:ID`. Returns the exit status."""
    arguments = _arguments(replay) if replay else ["list"]
    if not listens(site.ports.postgres):
        raise StartError("PostgreSQL does not run; make up starts it")
    postgres = Postgres(site.directory / "postgres", site.ports.postgres)
    kafka = Kafka(site.directory / "kafka", site.ports.kafka, site.ports.kafka_controller, jars(site))
    settings = {
        name: value for s in SERVICES for name, value in environment(site, s, postgres, kafka).items()
    }
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.kafka.dead_letters", *arguments],
        env=settings,
        check=False,
        cwd=PROJECT,
    )
    return done.returncode


def _arguments(replay: str) -> list[str]:
    if replay == "all":
        return ["replay", "all"]
    service, _, number = replay.partition(":")
    if not _NUMBER.fullmatch(number):
        raise StartError(f"REPLAY={replay}: write REPLAY=all, REPLAY=routing:12 or REPLAY=routing:parked:12")
    if service not in SERVICES:
        raise StartError(f"REPLAY={replay}: there is no service {service!r}{did_you_mean(service, SERVICES)}")
    return ["replay", number, "--service", service]
