"""Checks the access to every route of the OpenAPI documents with forged tokens and with every role.

The end-to-end tests run the same checks.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from antiphon.access.roles import Role
from antiphon.process.clock import utc_now
from antiphon.service_names import SERVICES
from deploy import keys
from deploy.stack import Stack
from tests.fuzz.result import AttackResult
from tests.fuzz.run import Run
from tests.support.roles import OPEN, ROLES

PART = "tokens"
WHO = "hugo"  # an agent of the example organisation: some routes are for its agents only
HOUR = 3600


class Route(NamedTuple):
    """One operation of a service, from its OpenAPI document."""

    verb: str
    path: str
    roles: list[str] | None
    secured: bool

    @property
    def name(self) -> str:
        """The name in the table of roles."""
        return f"{self.verb} {self.path}"

    def filled(self, value: str | None = None) -> str:
        """The path with a value for each parameter; by default an id that does not exist."""
        path = self.path.replace("{key}", "email:nobody@mail.example").replace("{agent_id}", WHO)
        while "{" in path:
            head, _, rest = path.partition("{")
            path = head + (value or str(uuid4())) + rest.partition("}")[2]
        return path


async def routes(http: httpx.AsyncClient, base: str) -> list[Route]:
    """The routes in a service's OpenAPI document."""
    document = (await http.get(f"{base}/openapi.json")).json()
    return [
        Route(verb.upper(), path, operation.get("x-roles"), bool(operation.get("security")))
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    ]


def disagreements(service: str, found: list[Route]) -> list[str]:
    """The differences between a service's document and the table of roles."""
    stated = {name: sorted(roles) for name, roles in ROLES[service].items()}
    differences = [
        f"{service}: {route.name} is for {route.roles}, the table says {stated.get(route.name)}"
        for route in found
        if route.name not in OPEN and (stated.get(route.name) != route.roles or not route.secured)
    ]
    missing = stated.keys() - {route.name for route in found}
    return differences + [f"{service}: {name} is in the table only" for name in sorted(missing)]


def forged(stack: Stack, role: Role) -> dict[str, dict[str, str]]:
    """Headers that every route must refuse, by what is wrong with them."""
    key = ECKey.import_key(json.loads((stack.site.secrets / "issuer.json").read_text()))
    other = ECKey.generate_key("P-256")
    now = int(utc_now().timestamp())
    good = {
        "iss": stack.site.issuer, "aud": keys.AUDIENCE, "sub": WHO, "name": WHO, "roles": [role], "iat": now, "exp": now + HOUR,
    }  # fmt: skip
    head = {"alg": "ES256", "kid": key.kid}

    def signed(by: ECKey, header: Mapping[str, Any] = head, **changes: Any) -> str:
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        return jwt.encode(dict(header), claims, by, algorithms=["ES256"])

    right = signed(key)
    weak = signed(key, roles=[])
    public = key.as_dict(private=False)
    tokens = {
        "expired": signed(key, exp=now - 60, iat=now - HOUR),
        "without an end": signed(key, exp=None),
        "not yet valid": signed(key, nbf=now + HOUR),
        "of another issuer": signed(key, iss="https://issuer.example"),
        "without an issuer": signed(key, iss=None),
        "for another audience": signed(key, aud="another"),
        "for nobody": signed(key, aud=None),
        "of no subject": signed(key, sub=None),
        "of a subject that is no name": signed(key, sub=["hugo"]),
        "signed by another key with our kid": signed(other),
        "signed by another key": signed(other, {"alg": "ES256", "kid": "another"}),
        "with its own key in the header": signed(
            other, {"alg": "ES256", "jwk": other.as_dict(private=False)}
        ),
        "HS256 with our public key (PEM)": _hmac(key.kid, good, key.as_pem(private=False)),
        "HS256 with our public key (JWK)": _hmac(key.kid, good, json.dumps(public).encode()),
        "HS256 with nothing": _hmac(key.kid, good, b""),
        "of another's signature": f"{right.rpartition('.')[0]}.{weak.rpartition('.')[2]}",
        "without a signature": f"{right.rpartition('.')[0]}.",
        "of two parts": right.rpartition(".")[0],
        "of five parts": f"{right}.a.b",
        "garbage": "garbage",
        "empty parts": "e30.e30.e30",
        "not JSON inside": "_w.__.__",
        "of one dot": ".",
        "8 kB": "a" * 8192,
    }
    tokens |= {f"alg: {alg}": _unsigned(alg, good) for alg in ("none", "None", "NONE", "", "ES257")}
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return headers | {
        "no token": {},
        "in a wrong scheme": {"Authorization": f"Basic {right}"},
        "without a scheme": {"Authorization": right},
        "in a cookie": {"Cookie": f"token={right}; access_token={right}"},
        "in another header": {"X-Authorization": f"Bearer {right}"},
    }


def _part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unsigned(alg: str, claims: Mapping[str, Any]) -> str:
    return f"{_part({'alg': alg})}.{_part(claims)}."


def _hmac(kid: str | None, claims: Mapping[str, Any], secret: bytes) -> str:
    signed = f"{_part({'alg': 'HS256', 'kid': kid})}.{_part(claims)}"
    return f"{signed}.{_part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


async def refused(stack: Stack, http: httpx.AsyncClient, service: str) -> AttackResult:
    """Sends every forged token to every route, also with an invalid id in the path: each gets 401 with a challenge."""
    row = AttackResult(PART, f"{service}: forged tokens, every route")
    found = await routes(http, stack.url(service))
    for route in found:
        if route.name in OPEN:
            answer = await http.request(route.verb, stack.url(service) + route.path)
            row.expect(
                answer.status_code == 200, f"{route.name} answers {answer.status_code} without a token"
            )
            continue
        role = Role((route.roles or [Role.AGENT])[0])
        for wrong, headers in forged(stack, role).items():
            for path in {route.filled(), route.filled("no-id")}:
                answer = await http.request(route.verb, stack.url(service) + path, headers=headers)
                holds = answer.status_code == 401 and "WWW-Authenticate" in answer.headers
                row.expect(holds, f"{route.verb} {path} answers {answer.status_code} to a token {wrong}")
    row.note = f"{len(found)} routes"
    return row


async def bodies(stack: Stack, http: httpx.AsyncClient, service: str) -> AttackResult:
    """Sends bodies that are not JSON without the right role: the response is 401 or 403, before the body is read."""
    row = AttackResult(PART, f"{service}: broken bodies without the right role")
    nobody = keys.token(stack.site.secrets, role="admin", name=WHO, now=utc_now(), issuer=stack.site.issuer)
    for route in await routes(http, stack.url(service)):
        for token, status in (("", 401), ("Bearer garbage", 401), (f"Bearer {nobody}", 403)):
            if route.name in OPEN:
                continue
            headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
            url = stack.url(service) + route.filled()
            answer = await http.request(route.verb, url, headers=headers, content=b"{")
            row.expect(
                answer.status_code == status, f"{route.name} answers {answer.status_code} to {token!r}"
            )
    return row


async def by_role(stack: Stack, http: httpx.AsyncClient, service: str) -> AttackResult:
    """Sends each role to each route: a role of the route is let in, any other gets 403. The document agrees with the table."""
    row = AttackResult(PART, f"{service}: every role, every route")
    found = await routes(http, stack.url(service))
    differences = disagreements(service, found)
    row.expect(not differences, "; ".join(differences))
    roles: list[str] = [*Role, "admin", "Supervisor", ""]
    for route in found:
        for role in roles if route.name not in OPEN else []:
            token = keys.token(
                stack.site.secrets, role=role, name=WHO, now=utc_now(), issuer=stack.site.issuer
            )
            status = await _status(http, route, stack.url(service), token)
            may = role in (route.roles or [])
            holds = status not in {401, 403} and status < 500 if may else status == 403
            row.expect(holds, f"{route.name} answers {status} to {role or 'nothing'!r}")
    return row


async def _status(http: httpx.AsyncClient, route: Route, base: str, token: str) -> int:
    """The status of the response, without its body: live streams never end."""
    headers = {"Authorization": f"Bearer {token}"}
    async with http.stream(route.verb, base + route.filled(), headers=headers) as answer:
        return answer.status_code


async def attack(run: Run) -> list[AttackResult]:
    """Runs all checks on all services."""
    rows: list[AttackResult] = []
    async with httpx.AsyncClient(timeout=30) as http:
        for service in SERVICES:
            rows += [await look(run.stack, http, service) for look in (by_role, refused, bodies)]
    return rows
