"""The servers outside Antiphon, for real: the customers' mail server with their mailboxes, and a Bluesky PDS."""

import socket
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex

import httpx

from deploy.keys import secret
from deploy.processes import Process, StartError
from deploy.site import PROJECT, Site

MAIL_DOMAIN = "mail.example"
NODE = PROJECT / "deploy" / "node"


def listens(port: int) -> bool:
    """Whether a program listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class MailServer:
    """GreenMail: accepts mail for every address by SMTP and serves it by IMAP. Mailboxes last as long as it runs."""

    def __init__(self, site: Site, mailboxes: Iterable[str] = ()) -> None:
        self._site = site
        self.smtp_port = site.ports.world_smtp
        self.imap_port = site.ports.world_imap
        users = ",".join(
            f"{address.partition('@')[0]}:{self.password(address)}@{address.partition('@')[2]}"
            for address in mailboxes
        )
        self.process = Process(
            "mail-server",
            ["java", "-Xmx192m", "-XX:+UseSerialGC", "-Dgreenmail.users.login=email",
             "-Dgreenmail.smtp.hostname=127.0.0.1", f"-Dgreenmail.smtp.port={self.smtp_port}",
             "-Dgreenmail.imap.hostname=127.0.0.1", f"-Dgreenmail.imap.port={self.imap_port}",
             *([f"-Dgreenmail.users={users}"] if users else []),
             "-jar", str(_jar(site))],
            site.logs / "mail-server.log",
        )  # fmt: skip

    def password(self, address: str) -> str:
        """The password of a mailbox."""
        return secret(self._site.secrets, f"mailbox-{address.replace('@', '-at-')}", length=12)

    def start(self) -> None:
        """Starts the server and returns when SMTP and IMAP answer. Raises StartError."""
        self.process.start(lambda: listens(self.smtp_port) and listens(self.imap_port), within=30)

    def stop(self) -> None:
        """Stops the server; its mail is lost."""
        self.process.stop()


def _jar(site: Site) -> Path:
    versions = sorted(jars(site).glob("greenmail-standalone-*.jar"))
    if not versions:
        raise StartError("GreenMail is not installed; make set-up installs it")
    return versions[-1]


def jars(site: Site) -> Path:
    """The folder with the jars of Apache Kafka and GreenMail: the site's, else the project's."""
    own = site.directory / "jars"
    return own if own.exists() else PROJECT / ".antiphon" / "jars"


class Pds:
    """A Bluesky personal data server with its own PLC directory. Posts stay in its folder."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.folder = site.directory / "pds"
        self.port = site.ports.pds
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process(
            "pds",
            ["node", str(NODE / "pds.mjs")],
            site.logs / "pds.log",
            environment=self._environment(),
            folder=NODE,
        )

    def _environment(self) -> dict[str, str]:
        secrets = self._site.secrets
        return {
            "WORLD_FOLDER": str(self.folder),
            "WORLD_PLC_PORT": str(self._site.ports.plc),
            "PDS_PORT": str(self.port),
            "PDS_HOSTNAME": "localhost",
            "PDS_DEV_MODE": "true",
            "PDS_INVITE_REQUIRED": "false",
            "PDS_DATA_DIRECTORY": str(self.folder),
            "PDS_BLOBSTORE_DISK_LOCATION": str(self.folder / "blobs"),
            "PDS_SERVICE_HANDLE_DOMAINS": ".test",
            "PDS_DID_PLC_URL": f"http://127.0.0.1:{self._site.ports.plc}",
            "PDS_JWT_SECRET": secret(secrets, "pds-jwt"),
            "PDS_ADMIN_PASSWORD": secret(secrets, "pds-admin"),
            "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": _hex_secret(secrets, "pds-rotation-key"),
            "PDS_RATE_LIMITS_ENABLED": "false",
            "PDS_DISABLE_SSRF_PROTECTION": "true",
            "LOG_ENABLED": "false",
        }

    def start(self) -> None:
        """Starts the server and returns when it answers. Raises StartError."""
        if not (NODE / "node_modules" / "@atproto" / "pds").exists():
            raise StartError("The Bluesky PDS is not installed; make set-up installs it")
        (self.folder / "blobs").mkdir(parents=True, exist_ok=True)
        self.process.start(self._answers, within=60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/xrpc/_health", timeout=1).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Stops the server."""
        self.process.stop()

    def account(self, handle: str, password: str) -> str:
        """The DID of an account, which is created if it does not exist. Raises httpx.HTTPStatusError."""
        with httpx.Client(base_url=f"{self.url}/xrpc", timeout=20) as http:
            credentials = {"identifier": handle, "password": password}
            answer = http.post("/com.atproto.server.createSession", json=credentials)
            if answer.status_code in {400, 401}:
                account = {"handle": handle, "password": password, "email": f"{handle}@{MAIL_DOMAIN}"}
                answer = http.post("/com.atproto.server.createAccount", json=account)
            answer.raise_for_status()
            return str(answer.json()["did"])


def _hex_secret(folder: Path, name: str) -> str:
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(token_hex(32))
    return path.read_text()
