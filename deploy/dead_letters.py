"""`make dead-letters`: runs `antiphon.kafka.dead_letters` on the databases of this site."""

import subprocess
import sys

from antiphon.service_names import SERVICES
from deploy.kafka import Kafka
from deploy.postgres import Postgres
from deploy.processes import StartError
from deploy.services import environment
from deploy.site import PROJECT, Site
from deploy.world import jars, listens


def run(site: Site, replay: str | None) -> int:
    """Lists dead letters and parked events, or replays `all`, `SERVICE:ID` or `SERVICE:parked:ID`. Returns the exit status."""
    if not listens(site.ports.postgres):
        raise StartError("PostgreSQL does not run; make up starts it")
    postgres = Postgres(site.directory / "postgres", site.ports.postgres)
    kafka = Kafka(site.directory / "kafka", site.ports.kafka, site.ports.kafka_controller, jars(site))
    settings = {
        name: value for s in SERVICES for name, value in environment(site, s, postgres, kafka).items()
    }
    arguments = ["list"]
    if replay:
        service, _, number = replay.partition(":")
        arguments = ["replay", number, "--service", service] if number else ["replay", service]
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.kafka.dead_letters", *arguments],
        env=settings,
        check=False,
        cwd=PROJECT,
    )
    return done.returncode
