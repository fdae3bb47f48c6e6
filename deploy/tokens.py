"""`make token`: who gets a token of the development issuer, and what a person reads about it."""

import sys
from collections.abc import Mapping
from datetime import datetime

import httpx

from antiphon.access.roles import Role
from antiphon.organisation.document import Document, did_you_mean
from antiphon.service_names import ROUTING
from deploy import keys
from deploy.processes import StartError
from deploy.site import Site

USAGE = "make -s token ROLE=agent NAME=elena"


def issue(site: Site, role: str, name: str, now: datetime) -> int:
    """Prints a token, and on stderr for whom it is and until when. Raises StartError.

    An agent must be one of the organisation. Of other roles every name is right: their people are in no list.
    """
    roles = [one.value for one in Role]
    if role not in roles:
        wrong = f"there is no role {role!r}{did_you_mean(role, roles)}" if role else "ROLE is missing"
        raise StartError(f"{wrong}. For example: {USAGE}. Roles: {', '.join(roles)}")
    if not name:
        raise StartError(f"NAME is missing. For example: {USAGE}")
    shown = _agent_name(site, name, now) if role == Role.AGENT else name
    token = keys.token(site.secrets, role=role, name=shown, subject=name, now=now, issuer=site.issuer)
    until = now + keys.TOKEN_LIFE
    sys.stderr.write(
        f"A token for {shown} ({name}, {role}). It lasts {_hours()} hours, until {until:%Y-%m-%d %H:%M} UTC.\n"
    )
    sys.stdout.write(f"{token}\n")
    return 0


def _agent_name(site: Site, agent_id: str, now: datetime) -> str:
    agents = _active_agents(site, now)
    if agents is None:
        agents = _agents_of_file(site)
    if agent_id not in agents:
        raise StartError(f"the organisation has no agent {agent_id!r}{did_you_mean(agent_id, agents)}")
    return agents[agent_id]


def _active_agents(site: Site, now: datetime) -> Mapping[str, str] | None:
    """The names of the agents of the active version by their ids; None when routing does not answer."""
    token = keys.token(site.secrets, role=Role.OPERATIONS, name="token", now=now, issuer=site.issuer)
    try:
        answer = httpx.get(
            f"{site.url(ROUTING)}/agents", headers={"Authorization": f"Bearer {token}"}, timeout=5
        )
    except httpx.HTTPError:
        return None
    return {one["agent_id"]: one["name"] for one in answer.json()["items"]} if answer.is_success else None


def _agents_of_file(site: Site) -> Mapping[str, str]:
    document = Document(site.organisation.read_text(encoding="utf-8"), site.organisation.name)
    return {one["id"]: one["name"] for one in document.data.get("people", [])}


def _hours() -> int:
    return int(keys.TOKEN_LIFE.total_seconds()) // 3600
