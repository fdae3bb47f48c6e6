"""The sign-in provider of the example: whom it lets in, with which roles, and its process."""

import json

import httpx
import yaml

from antiphon.access.roles import Role
from antiphon.organisation import document
from antiphon.organisation.organisation import Organisation
from antiphon.organisation.person import Person
from deploy import keys
from deploy.processes import Process, StartError
from deploy.site import Site
from deploy.world import NODE

TOKEN_LIFE_S = 300
_GROUPS = {
    Role.AGENT: "Agents",
    Role.SUPERVISOR: "Supervisors",
    Role.MANAGER: "Managers",
    Role.OPERATIONS: "Operations",
    Role.ADMINISTRATOR: "Administrators",
}
_WORDS = {
    Role.SUPERVISOR: "sees and steers the work",
    Role.MANAGER: "sees all figures",
    Role.OPERATIONS: "changes rules, queues and connections",
    Role.ADMINISTRATOR: "may do all that operations may, and secrets",
}


def roles_of(site: Site, person: Person) -> list[Role]:
    """The roles of a person: those of the file, else supervisor for who supervises, else agent."""
    named: dict[str, list[str]] = yaml.safe_load(site.roles.read_text()) if site.roles.exists() else {}
    if person.id in named:
        return [Role(name) for name in named[person.id]]
    return [Role.SUPERVISOR if person.supervises is not None else Role.AGENT]


def people(site: Site) -> list[dict[str, object]]:
    """The people on the login page, in its order."""
    organisation = document.load(site.organisation)
    found: list[dict[str, object]] = []
    for role, group in _GROUPS.items():
        for person in organisation.people:
            roles = roles_of(site, person)
            if roles[0] == role:
                words = _in_words(organisation, person, role)
                found.append(
                    {"id": person.id, "name": person.name, "roles": roles, "group": group, "words": words}
                )
    return found


def _in_words(organisation: Organisation, person: Person, role: Role) -> str:
    if role != Role.AGENT:
        return _WORDS[role]
    queues = [organisation.queues[one.queue].name for one in person.queues]
    return ", ".join(queues) or "by their skills"


def who_may(site: Site) -> list[str]:
    """Who may sign in, a line for each group."""
    groups: dict[str, list[str]] = {}
    for person in people(site):
        groups.setdefault(str(person["group"]), []).append(str(person["name"]))
    return [f"{group}: {', '.join(names)}" for group, names in groups.items()]


class SignIn:
    """The provider's process. Who is signed in there is in its memory: after a restart people sign in again."""

    def __init__(self, site: Site, token_life_s: int = TOKEN_LIFE_S) -> None:
        self._site = site
        self.token_life_s = token_life_s
        self.process = Process(
            "sign-in", ["node", str(NODE / "sign-in.mjs")], site.logs / "sign-in.log", folder=NODE
        )

    def start(self) -> None:
        """Starts the provider and returns when it answers. Raises StartError."""
        if not (NODE / "node_modules" / "oidc-provider").exists():
            raise StartError("The sign-in provider is not installed; make set-up installs it")
        self.process.environment = self._environment()
        self.process.start(self._answers, within=60)

    def _environment(self) -> dict[str, str]:
        site = self._site
        return {
            "NODE_NO_WARNINGS": "1",
            "SIGN_IN_ISSUER": site.issuer,
            "SIGN_IN_PORT": str(site.ports.sign_in),
            "SIGN_IN_KEY": str(keys.issuer_key(site.secrets)),
            "SIGN_IN_PEOPLE": json.dumps(people(site)),
            "SIGN_IN_ORGANISATION": document.load(site.organisation).organisation.name,
            "SIGN_IN_CLIENT_SECRET": keys.secret(site.secrets, "desktop-client"),
            "SIGN_IN_COOKIES": keys.secret(site.secrets, "sign-in-cookies"),
            "SIGN_IN_DESKTOP": site.pages,
            "SIGN_IN_TOKEN_LIFE": str(self.token_life_s),
        }

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._site.ports.sign_in}/livez", timeout=1).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Stops the provider."""
        self.process.stop()
