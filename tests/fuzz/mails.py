"""Sends hostile mail by SMTP: ingest-email accepts it unchanged as an interaction, or refuses it permanently with a reason."""

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
from tests.fuzz.result import AttackResult
from tests.fuzz.run import Run

PART = "mails"
SENDER, RECIPIENT = "jo@mail.example", "council@banksia.example"
SIZE_LIMIT: int = Settings.model_fields["size_limit"].default
# The most CPU seconds of ingest-email for one mail: for usual sizes, and from 1.5 MB on.
MOST_CPU_S, MOST_CPU_BIG_S = 5.0, 20.0
# The most seconds that a plain mail of another sender may wait meanwhile.
MOST_WAIT_S = 5.0
READERS = ("customer-profile", "case-mgmt", "routing")
# A quick run sends a third of the bombs, and none that is larger.
QUICK_BOMB_BYTES, QUICK_BOMBS = 2_000_000, 0.33
_DOT = re.compile(rb"(\A|\r\n)\.")
_ACCEPTED = re.compile(rb"2\.0\.0 Kept as ([0-9a-f-]{36})")


class SmtpConnection:
    """A connection to ingest-email. It connects again after the connection was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: smtplib.SMTP | None = None

    def send(self, raw: bytes, sender: str = SENDER) -> tuple[int, bytes]:
        """Sends a mail; returns the reply's code and text, or (0, reason) when the connection was lost."""
        try:
            if self._server is None:
                self._server = smtplib.SMTP("127.0.0.1", self._port, timeout=180)
                self._server.ehlo("fuzz.example")
            self._server.mail(sender)
            self._server.rcpt(RECIPIENT)
            code, reply = self._data(self._server, raw)
            if code != 250:
                self._server.rset()
        except (OSError, smtplib.SMTPException) as error:
            self._server = None
            return 0, repr(error).encode()
        return code, reply

    @staticmethod
    def _data(server: smtplib.SMTP, raw: bytes) -> tuple[int, bytes]:
        """Sends the data. As RFC 5321 says, a dot is doubled after CRLF only, so that other line ends stay as they are."""
        code, reply = server.docmd("data")
        if code != 354:
            return code, reply
        server.send(_DOT.sub(rb"\1..", raw) + (b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n"))
        return server.getreply()

    def close(self) -> None:
        """Closes the connection."""
        if self._server is not None:
            self._server.close()


class Worst:
    """The mail that took the most CPU so far."""

    def __init__(self) -> None:
        self.seconds, self.name = 0.0, ""

    def see(self, seconds: float, name: str) -> None:
        """Compares with another mail."""
        if seconds > self.seconds:
            self.seconds, self.name = seconds, name

    def __str__(self) -> str:
        return f"worst {self.seconds:.2f} CPU s: {self.name}"


class MailAttack:
    """Sends mails and checks the result of each."""

    def __init__(self, run: Run, http: httpx.AsyncClient) -> None:
        self.run = run
        self.http = http
        self.connection = SmtpConnection(run.stack.site.ports.smtp)
        self.other = SmtpConnection(run.stack.site.ports.smtp)
        self.accepted: dict[UUID, str] = {}
        self.plain = 0
        self.repeats = 0
        self.headers = run.header(Role.SUPERVISOR, "looker")

    async def send(
        self, row: AttackResult, mail: Mail, worst: Worst, *, refused: bool = False, beside: bool = False
    ) -> None:
        """Sends one mail; with `beside` also a plain mail on another connection at the same time."""
        before = self.run.cpu("ingest-email")
        sending = asyncio.create_task(asyncio.to_thread(self.connection.send, mail.raw))
        if beside:
            await self._send_beside(row, mail)
        code, reply = await sending
        used = self.run.cpu("ingest-email") - before
        worst.see(used, mail.name)
        failure = f"{mail.name}: {code} {reply.decode('ascii', 'replace')[:200]}"
        bound = MOST_CPU_S if len(mail.raw) < 1_500_000 else MOST_CPU_BIG_S
        if used > bound:
            row.findings.append(f"{mail.name}: took {used:.1f} CPU s")
        accepted = _ACCEPTED.search(reply) if code == 250 else None
        if refused or accepted is None:
            row.expect((500 <= code < 600 and len(reply) > 5) if refused or code != 250 else False, failure)
            return
        interaction = UUID(accepted[1].decode())
        if interaction in self.accepted:
            # By docs/adr/0005 the mail is the same as an earlier one, which is kept.
            self.repeats += 1
            row.expect(holds=True, otherwise="")
            return
        self.accepted[interaction] = mail.name
        url = f"{self.run.stack.url('ingest-email')}/mails/{interaction}"
        raw = await self.http.get(f"{url}/raw", headers=self.headers)
        view = await self.http.get(url, headers=self.headers)
        row.expect(
            raw.status_code == 200 == view.status_code,
            f"{mail.name}: the API answers {raw.status_code}, {view.status_code}",
        )
        row.count -= 1
        row.expect(
            _lines(raw.content) == _lines(mail.raw),
            f"{mail.name}: the stored bytes differ from the sent bytes",
        )

    async def _send_beside(self, row: AttackResult, mail: Mail) -> None:
        await asyncio.sleep(0.05)
        self.plain += 1
        began = time.monotonic()
        code, reply = await asyncio.to_thread(self.other.send, plain(self.plain, str(self.run.seed)))
        waited = time.monotonic() - began
        if code != 250 or waited > MOST_WAIT_S:
            row.findings.append(f"a plain mail beside {mail.name}: {code} {reply!r} after {waited:.1f} s")

    def close(self) -> None:
        """Closes the connections."""
        self.connection.close()
        self.other.close()


def _lines(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")


def _mutants(run: Run) -> Iterator[Mail]:
    dice = run.dice("mutants")
    originals = seeds.real(run.corpora)
    if not originals:
        run.report(
            f"there are no mails in {run.corpora}: {len(seeds.OWN)} mails of this project are mutated instead"
        )
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


async def _send_until(
    run: Run, sender: MailAttack, row: AttackResult, mails: Iterable[Mail], until: float
) -> None:
    worst = Worst()
    for mail in mails:
        if run.left() < until:
            break
        await sender.send(row, mail, worst)
    row.note = str(worst)
    run.report(f"  {row.count:,} {row.what}: {row.note}")


async def attack(run: Run) -> list[AttackResult]:
    """Sends bombs, then mutants and generated mails in the remaining time; then checks them in the other services."""
    bombed, mutants, grown = (
        AttackResult(PART, "bombs"),
        AttackResult(PART, "mutants of real mails"),
        AttackResult(PART, "mails generated by hypothesis"),
    )
    large, after = (
        AttackResult(PART, "larger than the limit: refused with 552"),
        AttackResult(PART, "each is an interaction in every service, no dead letters"),
    )
    before = {service: await run.dead(service) for service in READERS}
    used = {service: run.cpu(service) for service in READERS}
    async with httpx.AsyncClient(timeout=120) as http:
        sender = MailAttack(run, http)
        worst = Worst()
        dice, ends = run.dice("bombs"), run.left() / 3
        for bomb in bombs(SIZE_LIMIT):
            if run.quick and (len(bomb.raw) > QUICK_BOMB_BYTES or dice.random() > QUICK_BOMBS):
                continue
            if run.left() < ends:
                break
            await sender.send(bombed, bomb, worst, beside=len(bomb.raw) > 100_000)
        bombed.note = str(worst)
        run.report(f"  {bombed.count:,} bombs: {bombed.note}")
        await sender.send(large, too_big(SIZE_LIMIT), Worst(), refused=True)
        await sender.send(
            large, Mail("a plain mail on the same connection", plain(0, str(run.seed))), Worst()
        )
        rest = max(run.left(), 4)
        run.ends = time.monotonic() + rest
        await _send_until(run, sender, mutants, _mutants(run), rest / 2)
        await _send_until(run, sender, grown, _grown(run), 0)
        sender.close()
    run.report("  waiting for the other services")
    await run.flow.quiet(300)
    await _check_arrived(run, sender, after, before)
    spent = {service: run.cpu(service) - used[service] for service in READERS}
    after.note = f"{sender.repeats} repeats; " + ", ".join(
        f"{service} {seconds:.1f} CPU s" for service, seconds in spent.items()
    )
    return [bombed, large, mutants, grown, after]


async def _check_arrived(run: Run, sender: MailAttack, row: AttackResult, before: dict[str, int]) -> None:
    ids = list(sender.accepted)
    for service, table in (("customer-profile", "interaction"), ("case-mgmt", "case_interaction")):
        rows = await run.flow.query(
            service, f"select interaction_id from {table} where interaction_id = any($1)", ids
        )
        missing = sender.accepted.keys() - {interaction["interaction_id"] for interaction in rows}
        row.expect(
            not missing, f"{service} lacks {', '.join(sender.accepted[each] for each in list(missing)[:5])}"
        )
    row.count = len(ids)
    for service in READERS:
        letters = await run.dead(service) - before[service]
        (last,) = await run.flow.query(service, "select max(reason) as reason from dead_letter")
        row.expect(not letters, f"{service} has {letters} new dead letters, e.g. {last['reason']}")
