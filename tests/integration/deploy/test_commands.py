"""What `make` commands print for a person at a terminal."""

import json
import subprocess
from pathlib import Path

import pytest
from joserfc import jws

from antiphon.process.clock import utc_now
from deploy import tokens
from deploy.processes import StartError
from deploy.site import PROJECT, Ports, Site
from routing.check import main as check_rules


@pytest.fixture
def idle(tmp_path: Path) -> Site:
    """A site where nothing runs."""
    return Site(tmp_path, Ports.free())


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-s", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("role", "name", "shown"), [("agent", "elena", "Elena Marino"), ("supervisor", "anybody", "anybody")]
)
def test_a_token_is_all_of_stdout_and_stderr_says_for_whom_and_how_long(
    idle: Site, capsys: pytest.CaptureFixture[str], role: str, name: str, shown: str
) -> None:
    assert tokens.issue(idle, role, name, utc_now()) == 0
    printed = capsys.readouterr()
    claims = json.loads(jws.extract_compact(printed.out.strip().encode()).payload)
    assert (claims["sub"], claims["name"], claims["roles"]) == (name, shown, [role])
    assert f"{shown} ({name}, {role})" in printed.err
    assert "12 hours" in printed.err


@pytest.mark.parametrize(
    ("role", "name", "reason"),
    [
        ("agent", "elenna", "no agent 'elenna', did you mean 'elena'?"),
        ("agent", "x", "no agent 'x'; there is "),
        ("agnet", "elena", "no role 'agnet', did you mean 'agent'?"),
        ("", "elena", "ROLE is missing"),
        ("agent", "", "NAME is missing"),
    ],
)
def test_no_token_is_made_for_an_unknown_agent_or_role(
    idle: Site, capsys: pytest.CaptureFixture[str], role: str, name: str, reason: str
) -> None:
    with pytest.raises(StartError) as refused:
        tokens.issue(idle, role, name, utc_now())
    assert reason in str(refused.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["token"], "make -s token ROLE=agent NAME=elena"),
        (["dead-letters", "REPLAY=foo"], "REPLAY=all"),
        (["dead-letters", "REPLAY=ruoting:1"], "did you mean 'routing'?"),
        (["dead-letters", "REPLAY=routing:x"], "REPLAY=all"),
    ],
)
def test_a_wrong_command_is_answered_with_what_to_type(arguments: list[str], shown: str) -> None:
    done = make(*arguments)
    assert done.returncode != 0
    assert shown in done.stdout + done.stderr
    assert "usage: " not in done.stdout + done.stderr


def test_rules_without_faults_are_reported_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_rules([str(PROJECT / "deploy" / "example" / "council.yaml")]) == 0
    assert capsys.readouterr().out.endswith("council.yaml: no faults\n")
