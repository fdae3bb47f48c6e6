"""Bearer tokens: JWTs of the identity provider, for people, and of the gateway, for programs with an API key.

Each issuer has its JWK set, against which its tokens are checked. Settings name the provider's claims with the subject and
the roles. Sources: RFC 6750 (bearer tokens), RFC 7519 (JWT), RFC 7517 (JWK set).
"""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from antiphon.access.roles import Identity, Role
from antiphon.process import logs

LOG = logs.get(__name__)
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
REFETCH_AFTER_S = 30.0
PROGRAM = "key:"
"""How the subject of a program with an API key begins; its name follows."""


class InvalidTokenError(Exception):
    """A token that names nobody; the message says why, in general terms."""


class NoKeysError(Exception):
    """The issuer's keys could not be read, so that no token can be checked."""


class TokenSettings(Protocol):
    """The settings by which tokens are checked."""

    @property
    def issuer(self) -> str: ...  # noqa: D102

    @property
    def audience(self) -> str: ...  # noqa: D102

    @property
    def jwks(self) -> str: ...  # noqa: D102

    @property
    def role_claim(self) -> str: ...  # noqa: D102

    @property
    def subject_claim(self) -> str: ...  # noqa: D102

    @property
    def gateway_issuer(self) -> str | None: ...  # noqa: D102

    @property
    def gateway_jwks(self) -> str | None: ...  # noqa: D102


class Gateway(NamedTuple):
    """The issuer of the tokens for which programs exchange their API keys. `jwks` is a file or URL."""

    issuer: str
    jwks: str


class Access:
    """Checks tokens: signature by the JWK set at `jwks` (a file or URL), `iss`, `aud` and `exp` always.

    `subject_claim` and `role_claim` are the paths of the claims with the subject and the roles, as `claim_at` reads them.
    Tokens of the `gateway` have `sub` and `roles`. Only they name a program, which is a subject that begins with `PROGRAM`, and
    they name nobody else: neither issuer can speak for the callers of the other.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks: str,
        role_claim: str = "roles",
        subject_claim: str = "sub",
        gateway: Gateway | None = None,
    ) -> None:
        self._role_claim = role_claim
        self._subject_claim = subject_claim
        self._provider = _Issuer(issuer, audience, jwks)
        self._gateway = _Issuer(gateway.issuer, audience, gateway.jwks) if gateway else None

    @classmethod
    def of(cls, settings: TokenSettings) -> "Access":
        """The access that a service's settings describe."""
        at = settings.gateway_issuer
        jwks = settings.gateway_jwks or f"{at}/.well-known/jwks.json"
        return cls(
            issuer=settings.issuer, audience=settings.audience, jwks=settings.jwks,
            role_claim=settings.role_claim, subject_claim=settings.subject_claim, gateway=Gateway(at, jwks) if at else None,
        )  # fmt: skip

    async def identify(self, token: str) -> Identity:
        """Who the token names. Raises InvalidTokenError, and NoKeysError while the issuer's keys were never fetched."""
        if self._gateway is not None and _issuer_in(token) == self._gateway.name:
            return _identity(await self._gateway.claims_of(token), "sub", "roles", is_program=True)
        claims = await self.claims_of(token)
        return _identity(claims, self._subject_claim, self._role_claim, is_program=False)

    async def claims_of(self, token: str) -> Mapping[str, object]:
        """What a valid token of the identity provider says. Raises as `identify`."""
        return await self._provider.claims_of(token)


class _Issuer:
    """One issuer with its keys: what its tokens say, once they are checked."""

    def __init__(self, name: str, audience: str, jwks: str) -> None:
        self.name = name
        self._source = jwks
        self._claims = JWTClaimsRegistry(
            iss={"essential": True, "value": name},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        self._keys: KeySet | None = None
        self._stamp = 0.0
        self._lock = asyncio.Lock()

    async def claims_of(self, token: str) -> Mapping[str, object]:
        """The claims of a valid token. Raises InvalidTokenError, and NoKeysError while the keys were never fetched."""
        keys = await self._key_set(fresh=False)
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            try:
                # The issuer may have new keys.
                decoded = jwt.decode(token, await self._key_set(fresh=True), algorithms=ALGORITHMS)
            except (JoseError, ValueError) as error:
                raise InvalidTokenError("The token's signature is not the issuer's.") from error
        try:
            self._claims.validate(decoded.claims)
        except JoseError as error:
            raise InvalidTokenError(f"The token is not valid: {error.error}.") from error
        return decoded.claims

    async def _key_set(self, *, fresh: bool) -> KeySet:
        async with self._lock:
            if self._source.startswith(("http://", "https://")):
                now = asyncio.get_running_loop().time()
                if self._keys is None or (fresh and now - self._stamp >= REFETCH_AFTER_S):
                    self._stamp = now
                    self._keys = await _fetch(self._source, self._keys)
                return self._keys
            return self._from_file(Path(self._source))

    def _from_file(self, path: Path) -> KeySet:
        changed = path.stat().st_mtime
        if self._keys is None or changed != self._stamp:
            self._stamp = changed
            self._keys = KeySet.import_key_set(json.loads(path.read_text()))
        return self._keys


def _issuer_in(token: str) -> object:
    """The issuer that a token names, unchecked: it only chooses the keys; None when the token cannot be read."""
    payload = token.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload[0] + "==")) if payload else None
    except (ValueError, RecursionError):
        return None
    return claims.get("iss") if isinstance(claims, dict) else None


def _identity(
    claims: Mapping[str, object], subject_claim: str, role_claim: str, *, is_program: bool
) -> Identity:
    subject = claim_at(claims, subject_claim)
    if subject is None:
        raise InvalidTokenError(f"The token has no claim {subject_claim!r}, which names its subject.")
    if not isinstance(subject, str) or not subject or len(subject) > 255 or "\x00" in subject:
        raise InvalidTokenError("The token's subject is not a name.")
    if subject.startswith(PROGRAM) != is_program:
        raise InvalidTokenError("The token's issuer does not name this subject.")
    name = claims.get("name")
    return Identity(subject, name if isinstance(name, str) else None, roles_in(claim_at(claims, role_claim)))


def claim_at(claims: Mapping[str, object], path: str) -> object:
    """Returns the claim at a path like `realm_access.roles`; None where there is none.

    A name may have dots itself, like `https://issuer.example/roles`: at each level the longest name that is there counts.
    """
    if path in claims:
        return claims[path]
    name = path
    while "." in name:
        name = name.rpartition(".")[0]
        inner = claims.get(name)
        if isinstance(inner, Mapping):
            return claim_at(inner, path[len(name) + 1 :])
    return None


def roles_in(claim: object) -> frozenset[Role]:
    """Returns the roles in a claim: a list of names, or names in one text, separated by spaces. Unknown names are ignored."""
    names: Sequence[object] = claim.split() if isinstance(claim, str) else _listed(claim)
    return frozenset(role for role in Role if role.value in names)


def _listed(claim: object) -> Sequence[object]:
    return claim if isinstance(claim, list) else []


async def _fetch(url: str, known: KeySet | None) -> KeySet:
    try:
        async with httpx.AsyncClient(timeout=5) as http:
            answer = await http.get(url)
            answer.raise_for_status()
            return KeySet.import_key_set(answer.json())
    except (httpx.HTTPError, JoseError, ValueError) as error:
        LOG.warning("JWK set can't be fetched", url=url, reason=repr(error))
        if known is None:
            raise NoKeysError("The issuer's keys can't be fetched.") from error
        return known
