"""PostgreSQL: the system's own server binaries on a data directory of the project's."""

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.processes import Process, StartError

BINARIES = Path("/usr/lib/postgresql")
USER = "postgres"
# What lets a user pass through a folder closed to them, least power first, with the bit in the kernel's mask.
_PASSES = {"dac_read_search": 2, "dac_override": 1}


def binaries() -> Path:
    """The folder of the newest installed server, 15 or later. Raises StartError when there is none."""
    found = sorted((int(p.name) for p in BINARIES.glob("*") if (p / "bin" / "initdb").exists()), reverse=True)
    if not found or found[0] < 15:
        raise StartError("PostgreSQL 15 or later is not installed: apt-get install postgresql")
    return BINARIES / str(found[0]) / "bin"


class Postgres:
    """One cluster: data under `directory`, on a loopback `port`. As root it runs as the system's `postgres` user."""

    def __init__(self, directory: Path, port: int, *, log: Path | None = None, durable: bool = True) -> None:
        self.directory = directory
        self.port = port
        self._durable = durable
        self._bin = binaries()
        self._passwords = directory.parent / "secrets" / "postgres"
        self.process = Process(
            "postgres",
            [*_as_owner(directory), str(self._bin / "postgres"), "-D", str(directory), "-p", str(port)],
            log or directory.parent / "logs" / "postgres.log",
            folder=Path("/"),
            stop_signal=signal.SIGINT,  # "fast": open connections are ended, nothing committed is lost
        )

    def start(self) -> None:
        """Makes the cluster at the first start; returns when it accepts connections. Raises StartError."""
        if not (self.directory / "PG_VERSION").exists():
            self._initialise()
        (self.directory / "postmaster.pid").unlink(missing_ok=True) if not self._alive() else None
        self.process.start(self._accepts, within=60)

    def _alive(self) -> bool:
        try:
            pid = int((self.directory / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return False
        return "postgres" in Path(f"/proc/{pid}/comm").read_text()

    def _initialise(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)
        as_owner = _as_owner(self.directory)
        owner = pwd.getpwnam(USER) if os.geteuid() == 0 else None
        if owner:
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        self._passwords.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A file for initdb alone, gone once it is read: a pipe of ours would be closed to the server's user.
        given = self.directory.with_name(f"{self.directory.name}.password")
        given.touch(mode=0o600)
        given.write_text(self._password("postgres"))
        if owner:
            os.chown(given, owner.pw_uid, owner.pw_gid)
        made = subprocess.run(
            [*as_owner, str(self._bin / "initdb"), "-D", str(self.directory), "-U", "postgres", "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C.UTF-8", f"--pwfile={given}", *([] if self._durable else ["--no-sync"])],
            stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False, cwd="/",
        )  # fmt: skip
        given.unlink()
        if made.returncode:
            raise StartError(f"initdb failed: {made.stderr.strip()}")
        with (self.directory / "postgresql.conf").open("a") as configuration:
            configuration.write(
                "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "max_connections = 200\nshared_buffers = 256MB\nmax_wal_size = 2GB\nwal_compression = lz4\n"
                "random_page_cost = 1.1\n"  # no disk turns; by the default a batch of three reads a table whole up to 800 pages
                "timezone = 'UTC'\nlog_timezone = 'UTC'\njit = off\n"
                + ("" if self._durable else "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n")
            )

    def _password(self, name: str) -> str:
        path = self._passwords / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def _accepts(self) -> bool:
        asked = subprocess.run(
            [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return asked.returncode == 0

    def stop(self) -> None:
        """Ends the server; what was committed stays."""
        self.process.stop()

    def sql(self, database: str, statement: str) -> str:
        """Runs SQL as the superuser; returns what psql prints, unaligned. Raises StartError with PostgreSQL's reason."""
        done = subprocess.run(
            [str(self._bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database,
             "-XAtq", "-v", "ON_ERROR_STOP=1"],
            # Not as an argument: those are for everybody on the machine to see, and roles are made with passwords.
            input=statement,
            env={"PGPASSWORD": self._password("postgres"), "PATH": os.defpath},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise StartError(f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_database(self, name: str) -> None:
        """A database and a role of the same name that owns it and nothing else; does nothing when they are there."""
        password = self._password(name)
        role = name.replace("-", "_")
        if not self.sql("postgres", f"select 1 from pg_roles where rolname = '{role}'"):
            self.sql("postgres", f"create role {role} login password '{password}'")
        if not self.sql("postgres", f"select 1 from pg_database where datname = '{role}'"):
            self.sql("postgres", f"create database {role} owner {role}")
            self.sql("postgres", f"revoke connect on database {role} from public")

    def url(self, name: str) -> str:
        """The address of a database for its own role."""
        role = name.replace("-", "_")
        return f"postgresql+asyncpg://{role}:{self._password(name)}@127.0.0.1:{self.port}/{role}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _as_owner(directory: Path) -> Sequence[str]:
    """PostgreSQL refuses to run as root: be `postgres`, still able to pass through folders that are root's own.

    Raises StartError when the user is not there, or can neither pass through the folders nor be allowed to.
    """
    if os.geteuid() != 0:
        return ()
    try:
        pwd.getpwnam(USER)
    except KeyError:
        raise StartError(f"the system user {USER} is missing: apt-get install postgresql") from None
    change = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
    closed = [folder for folder in directory.absolute().parents if folder.exists() and not _open(folder)]
    if not closed:
        return (*change, "--")
    for name, bit in _PASSES.items():
        if _capabilities() >> bit & 1:
            return (*change, f"--inh-caps=+{name}", f"--ambient-caps=+{name}", "--")
    raise StartError(
        f"PostgreSQL runs as the user {USER}, who cannot pass through {closed[-1]}: chmod o+x {closed[-1]}"
    )


def _open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:"))
