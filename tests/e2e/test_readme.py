"""The first five minutes of README.md work as they are pasted, twice."""

import asyncio
import re
import subprocess

from antiphon.access.roles import Role
from antiphon.service_names import SERVICES
from deploy.site import PROJECT, Ports
from tests.support.people import People
from tests.support.waiting import until

BLOCK = re.compile(r"^## The first five minutes.*?^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


def script(people: People) -> str:
    """The block, with the ports and a token of the stack in place of those of `make run`."""
    block = BLOCK.search((PROJECT / "README.md").read_text())
    assert block is not None
    text, site, usual = block[1], people.stack.site, Ports()
    ports = {getattr(usual, name.replace("-", "_")): site.port(name) for name in SERVICES}
    ports |= {usual.smtp: site.ports.smtp, usual.world_imap: people.stack.mail.imap_port}
    text = re.sub(r'localhost(:|", )(\d+)', lambda found: f"localhost{found[1]}{ports[int(found[2])]}", text)
    token = people.stack.token(Role.AGENT, "elena")
    text, made = re.subn(r"\$\(make -s token [^)]*\)", token, text)
    assert made == 1
    return text + '\necho "answered $OFFER_ID with $REPLY_ID"\n'


async def is_empty(people: People) -> bool:
    """Has a supervisor complete what earlier tests left in Elena's queue; whether nothing was left."""
    left = (await people.see("routing", "/work?queue=planning&sort=due_at&limit=200"))["items"]
    for work in left:
        path, reason = f"/work/{work['work_item_id']}/complete", {"reason": "left by another test"}
        done = await people.ask(Role.SUPERVISOR, "sam", "POST", "routing", path, json=reason)
        assert done.status_code == 200, done.text
    return not left


async def test_the_first_five_minutes_can_be_pasted_twice(people: People) -> None:
    await until(lambda: is_empty(people), what="an empty queue")
    await people.presence("elena", "available")
    answered: set[str] = set()
    for _ in range(2):
        done = await asyncio.to_thread(
            subprocess.run, ["bash", "-c", script(people)], cwd=PROJECT, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        assert "In-Reply-To: <" in done.stdout
        assert "no permit is needed" in done.stdout
        answered |= set(re.findall(r"^answered (\S+ with \S+)$", done.stdout, re.MULTILINE))
    assert len(answered) == 2
