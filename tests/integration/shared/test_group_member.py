"""A member of a consumer group leaves cleanly when its broker is killed, whatever the member does then."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.kafka import group_member
from deploy.kafka import Kafka
from deploy.site import Ports, Site
from deploy.world import jars


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Kafka]:
    """A broker that the test kills."""
    site = Site(tmp_path, Ports.free(), durable=False)
    server = Kafka(site.directory / "kafka", site.ports.kafka, site.ports.kafka_controller, jars(site))
    with server:
        yield server


async def test_a_member_whose_broker_was_killed_leaves_without_error_or_leftover_task(
    broker: Kafka,
) -> None:
    await asyncio.to_thread(broker.create_topics, "messages")
    before = asyncio.all_tasks()
    members = [group_member.member(broker.bootstrap, f"readers-{number}", None) for number in range(5)]
    for member in members:
        member.subscribe(["messages"])
        await member.start()
        await member.getmany(timeout_ms=2000)
    broker.process.kill()
    for member in members:
        await asyncio.sleep(0.13)  # its fetches fail and wait to be retried, each member at another moment
        await group_member.leave(member)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
