"""Hostile mail through the SMTP door: taken whole and made an interaction, or refused for good with a reason."""

import asyncio
import re
import smtplib
import time
from collections.abc import Iterable, Iterator
from uuid import UUID

import httpx

from antiphon.access.roles import Role
from ingest_email.settings import Settings
from tests.fuzz import seeds
from tests.fuzz.mail_bombs import Mail, bombs, mutated, plain, too_big
from tests.fuzz.report import Tried
from tests.fuzz.run import Run

PART = "mails"
SENDER, RECIPIENT = "jo@mail.example", "council@banksia.example"
SIZE_LIMIT: int = Settings.model_fields["size_limit"].default
# CPU seconds of ingest-email for one mail: up to a megabyte, and for the largest.
MOST_CPU_S, MOST_CPU_BIG_S = 5.0, 20.0
# How long somebody else's plain mail may wait meanwhile.
MOST_WAIT_S = 5.0
HEARERS = ("customer-profile", "case-mgmt", "routing")
# In a quick run: none that is larger, and a third of the rest.
QUICK_BOMB_BYTES, QUICK_BOMBS = 2_000_000, 0.33
_DOT = re.compile(rb"(\A|\r\n)\.")
_KEPT = re.compile(rb"2\.0\.0 Kept as ([0-9a-f-]{36})")


class Door:
    """A connection to the SMTP door that is opened again when it was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: smtplib.SMTP | None = None

    def send(self, raw: bytes, sender: str = SENDER) -> tuple[int, bytes]:
        """What the door answers to a mail; (0, why) when the connection was lost."""
        try:
            if self._server is None:
                self._server = smtplib.SMTP("127.0.0.1", self._port, timeout=180)
                self._server.ehlo("fuzz.example")
            self._server.mail(sender)
            self._server.rcpt(RECIPIENT)
            code, said = self._data(self._server, raw)
            if code != 250:
                self._server.rset()
        except (OSError, smtplib.SMTPException) as error:
            self._server = None
            return 0, repr(error).encode()
        return code, said

    @staticmethod
    def _data(server: smtplib.SMTP, raw: bytes) -> tuple[int, bytes]:
        """As RFC 5321 has it: a dot is doubled after CRLF only, so that other line ends arrive as they are."""
        code, said = server.docmd("data")
        if code != 354:
            return code, said
        server.send(_DOT.sub(rb"\1..", raw) + (b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n"))
        return server.getreply()

    def close(self) -> None:
        """Ends the connection."""
        if self._server is not None:
            self._server.close()


class Worst:
    """The dearest mail so far."""

    def __init__(self) -> None:
        self.seconds, self.name = 0.0, ""

    def see(self, seconds: float, name: str) -> None:
        """Takes note of one."""
        if seconds > self.seconds:
            self.seconds, self.name = seconds, name

    def __str__(self) -> str:
        return f"worst {self.seconds:.2f} CPU s: {self.name}"


class Post:
    """Sends mails and checks what became of each."""

    def __init__(self, run: Run, http: httpx.AsyncClient) -> None:
        self.run = run
        self.http = http
        self.door = Door(run.stack.site.ports.smtp)
        self.other = Door(run.stack.site.ports.smtp)
        self.kept: dict[UUID, str] = {}
        self.plain = 0
        self.repeats = 0
        self.headers = run.header(Role.SUPERVISOR, "looker")

    async def send(
        self, row: Tried, mail: Mail, worst: Worst, *, refused: bool = False, beside: bool = False
    ) -> None:
        """Sends one mail; with `beside`, a plain one of somebody else's meanwhile."""
        before = self.run.cpu("ingest-email")
        sending = asyncio.create_task(asyncio.to_thread(self.door.send, mail.raw))
        if beside:
            await self._beside(row, mail)
        code, said = await sending
        used = self.run.cpu("ingest-email") - before
        worst.see(used, mail.name)
        told = f"{mail.name}: {code} {said.decode('ascii', 'replace')[:200]}"
        bound = MOST_CPU_S if len(mail.raw) < 1_500_000 else MOST_CPU_BIG_S
        if used > bound:
            row.found.append(f"{mail.name}: took {used:.1f} CPU s")
        kept = _KEPT.search(said) if code == 250 else None
        if refused or kept is None:
            row.expect((500 <= code < 600 and len(said) > 5) if refused or code != 250 else False, told)
            return
        interaction = UUID(kept[1].decode())
        if interaction in self.kept:
            # The same mail as one before, by docs/adr/0005: the first is kept.
            self.repeats += 1
            row.expect(holds=True, otherwise="")
            return
        self.kept[interaction] = mail.name
        url = f"{self.run.stack.url('ingest-email')}/mails/{interaction}"
        raw = await self.http.get(f"{url}/raw", headers=self.headers)
        view = await self.http.get(url, headers=self.headers)
        row.expect(
            raw.status_code == 200 == view.status_code,
            f"{mail.name}: {raw.status_code}, {view.status_code} when read",
        )
        row.count -= 1
        row.expect(_lines(raw.content) == _lines(mail.raw), f"{mail.name}: the bytes kept are not those sent")

    async def _beside(self, row: Tried, mail: Mail) -> None:
        await asyncio.sleep(0.05)
        self.plain += 1
        began = time.monotonic()
        code, said = await asyncio.to_thread(self.other.send, plain(self.plain, str(self.run.seed)))
        waited = time.monotonic() - began
        if code != 250 or waited > MOST_WAIT_S:
            row.found.append(f"a plain mail beside {mail.name}: {code} {said!r} after {waited:.1f} s")

    def close(self) -> None:
        """Ends the connections."""
        self.door.close()
        self.other.close()


def _lines(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")


def _mutants(run: Run) -> Iterator[Mail]:
    dice = run.dice("mutants")
    originals = seeds.real(run.corpora)
    if not originals:
        run.tell(f"no corpora at {run.corpora}: {len(seeds.OWN)} mails of our own are mutated instead")
        originals = list(seeds.OWN)
    for number, raw in enumerate([] if run.quick else originals):
        yield Mail(f"seed {number}", raw)
    number = 0
    while True:
        place = dice.randrange(len(originals))
        yield Mail(
            f"mutant {number} of seed {place}", mutated(originals[place], dice.choice(originals), dice)
        )
        number += 1


def _grown(run: Run) -> Iterator[Mail]:
    batch = 0
    while True:
        for number, raw in enumerate(seeds.grown(run.seed + batch, seeds.MAILS, 30 if run.quick else 200)):
            yield Mail(f"grown {batch}.{number}", raw)
        batch += 1


async def _within(run: Run, post: Post, row: Tried, mails: Iterable[Mail], until: float) -> None:
    worst = Worst()
    for mail in mails:
        if run.left() < until:
            break
        await post.send(row, mail, worst)
    row.note = str(worst)
    run.tell(f"  {row.count:,} {row.what}: {row.note}")


async def attack(run: Run) -> list[Tried]:
    """Bombs, then mutants and grown mails for the time that is left; then what became of them down the house."""
    bombed, mutants, grown = (
        Tried(PART, "bombs"),
        Tried(PART, "mutants of real mails"),
        Tried(PART, "mails grown by hypothesis"),
    )
    large, after = (
        Tried(PART, "larger than is taken: 552"),
        Tried(PART, "each is an interaction everywhere, no dead letters"),
    )
    before = {service: await run.dead(service) for service in HEARERS}
    used = {service: run.cpu(service) for service in HEARERS}
    async with httpx.AsyncClient(timeout=120) as http:
        post = Post(run, http)
        worst = Worst()
        dice, ends = run.dice("bombs"), run.left() / 3
        for bomb in bombs(SIZE_LIMIT):
            if run.quick and (len(bomb.raw) > QUICK_BOMB_BYTES or dice.random() > QUICK_BOMBS):
                continue
            if run.left() < ends:
                break
            await post.send(bombed, bomb, worst, beside=len(bomb.raw) > 100_000)
        bombed.note = str(worst)
        run.tell(f"  {bombed.count:,} bombs: {bombed.note}")
        await post.send(large, too_big(SIZE_LIMIT), Worst(), refused=True)
        await post.send(large, Mail("a plain mail on the same connection", plain(0, str(run.seed))), Worst())
        rest = max(run.left(), 4)
        run.ends = time.monotonic() + rest
        await _within(run, post, mutants, _mutants(run), rest / 2)
        await _within(run, post, grown, _grown(run), 0)
        post.close()
    run.tell("  how they fare down the house")
    await run.flow.quiet(300)
    await _arrived(run, post, after, before)
    spent = {service: run.cpu(service) - used[service] for service in HEARERS}
    after.note = f"{post.repeats} repeats; " + ", ".join(
        f"{service} {seconds:.1f} CPU s" for service, seconds in spent.items()
    )
    return [bombed, large, mutants, grown, after]


async def _arrived(run: Run, post: Post, row: Tried, before: dict[str, int]) -> None:
    ids = list(post.kept)
    for service, table in (("customer-profile", "spoken"), ("case-mgmt", "case_interaction")):
        rows = await run.flow.query(
            service, f"select interaction_id from {table} where interaction_id = any($1)", ids
        )
        missing = post.kept.keys() - {found["interaction_id"] for found in rows}
        row.expect(
            not missing, f"{service} has not {', '.join(post.kept[each] for each in list(missing)[:5])}"
        )
    row.count = len(ids)
    for service in HEARERS:
        letters = await run.dead(service) - before[service]
        (last,) = await run.flow.query(service, "select max(reason) as reason from dead_letter")
        row.expect(not letters, f"{service} has {letters} new dead letters, e.g. {last['reason']}")
