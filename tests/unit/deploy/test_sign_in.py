"""Whom the sign-in provider of the example lets in, and as what."""

from pathlib import Path

from deploy.sign_in import people, who_may
from deploy.site import EXAMPLE, Site


def test_members_of_queues_are_agents_and_others_have_the_roles_of_the_file(tmp_path: Path) -> None:
    found = {person["id"]: person["roles"] for person in people(Site(tmp_path))}
    assert (found["elena"], found["grace"]) == (["agent"], ["agent"])
    others = {"sam": ["supervisor"], "rosa": ["supervisor"], "maria": ["manager"], "olga": ["operations"]}
    assert {name: found[name] for name in others} == others
    assert found["adam"] == ["administrator"]


def test_without_the_file_who_supervises_is_a_supervisor(tmp_path: Path) -> None:
    organisation = tmp_path / "own.yaml"
    organisation.write_text(EXAMPLE.read_text())
    found = {person["id"]: person["roles"] for person in people(Site(tmp_path, organisation=organisation))}
    assert (found["maria"], found["elena"], found["olga"]) == (["supervisor"], ["agent"], ["agent"])


def test_a_person_reads_who_may_sign_in(tmp_path: Path) -> None:
    lines = who_may(Site(tmp_path))
    assert [line.partition(":")[0] for line in lines] == [
        "Agents", "Supervisors", "Managers", "Operations", "Administrators",
    ]  # fmt: skip
    assert "Elena Marino" in lines[0]
