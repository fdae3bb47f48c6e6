"""PostgreSQL: the server that the system has installed, with a data directory of this project."""

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
# Capabilities that let a user pass through a folder without the permission, the weakest first; with their bits in the kernel's mask.
_PASS_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


def binaries() -> Path:
    """The folder of the newest installed server, version 15 or later. Raises StartError when there is none."""
    versions = [int(path.name) for path in BINARIES.glob("*") if (path / "bin" / "initdb").exists()]
    if not versions or max(versions) < 15:
        raise StartError("PostgreSQL 15 or later is not installed: apt-get install postgresql")
    return BINARIES / str(max(versions)) / "bin"


class Postgres:
    """One PostgreSQL server with its data in `directory`, on a loopback `port`. Started by root it runs as the user `postgres`."""

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
        """Starts the server and returns when it accepts connections. Creates the data directory at the first start. Raises StartError."""
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
        # initdb reads the password from a file, which is deleted afterwards: the server's user cannot read a pipe of ours.
        password_file = self.directory.with_name(f"{self.directory.name}.password")
        password_file.touch(mode=0o600)
        password_file.write_text(self._password("postgres"))
        if owner:
            os.chown(password_file, owner.pw_uid, owner.pw_gid)
        made = subprocess.run(
            [*as_owner, str(self._bin / "initdb"), "-D", str(self.directory), "-U", "postgres", "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C.UTF-8", f"--pwfile={password_file}", *([] if self._durable else ["--no-sync"])],
            stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False, cwd="/",
        )  # fmt: skip
        password_file.unlink()
        if made.returncode:
            raise StartError(
                f"PostgreSQL's data directory could not be created, initdb failed: {made.stderr.strip()}"
            )
        with (self.directory / "postgresql.conf").open("a") as configuration:
            configuration.write(
                "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "max_connections = 200\nshared_buffers = 256MB\nmax_wal_size = 2GB\nwal_compression = lz4\n"
                "random_page_cost = 1.1\n"  # for a disk without seek time; the default makes a batch of three read whole tables of up to 800 pages
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
        ready = subprocess.run(
            [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return ready.returncode == 0

    def stop(self) -> None:
        """Shuts the server down. Committed data stays."""
        self.process.stop()

    def sql(self, database: str, statement: str) -> str:
        """Runs SQL as the superuser; returns what psql prints, unaligned. Raises StartError with PostgreSQL's reason."""
        done = subprocess.run(
            [str(self._bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database,
             "-XAtq", "-v", "ON_ERROR_STOP=1"],
            # Not as an argument: every user of the machine can see arguments, and `create role` has a password in it.
            input=statement,
            env={"PGPASSWORD": self._password("postgres"), "PATH": os.defpath},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise StartError(f"PostgreSQL refused the statement: {done.stderr.strip()}")
        return done.stdout.strip()

    def create_database(self, name: str) -> None:
        """Creates a database, and a role of the same name that owns it and may use no other. Does nothing when they exist."""
        password = self._password(name)
        role = name.replace("-", "_")
        if not self.sql("postgres", f"select 1 from pg_roles where rolname = '{role}'"):
            self.sql("postgres", f"create role {role} login password '{password}'")
        if not self.sql("postgres", f"select 1 from pg_database where datname = '{role}'"):
            self.sql("postgres", f"create database {role} owner {role}")
            self.sql("postgres", f"revoke connect on database {role} from public")

    def url(self, name: str) -> str:
        """The address of a database for the role that owns it."""
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
    """The beginning of a command that runs as the user `postgres`: PostgreSQL refuses to run as root.

    The user may pass through the folders above `directory`, which may be root's. Raises StartError when the user does not exist
    or cannot be allowed to pass.
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
    for name, bit in _PASS_CAPABILITIES.items():
        if _capabilities() >> bit & 1:
            return (*change, f"--inh-caps=+{name}", f"--ambient-caps=+{name}", "--")
    raise StartError(
        f"PostgreSQL runs as the user {USER}, which may not enter {closed[-1]}: chmod o+x {closed[-1]}"
    )


def _open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:"))
