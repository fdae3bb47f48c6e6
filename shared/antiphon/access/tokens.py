"""Bearer tokens: JWTs of one issuer, checked against its JWK set.

Sources: RFC 6750 (bearer tokens), RFC 7519 (JWT), RFC 7517 (JWK set).
"""

import asyncio
import json
from pathlib import Path

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from antiphon.access.roles import Identity
from antiphon.process import logs

LOG = logs.get(__name__)
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
REFETCH_AFTER_S = 30.0


class InvalidTokenError(Exception):
    """A token that names nobody; the message says why, in general terms."""


class NoKeysError(Exception):
    """The issuer's keys could not be read, so that no token can be checked."""


class Access:
    """Checks tokens: signature by the JWK set at `jwks` (a file or URL), `iss`, `aud` and `exp` always."""

    def __init__(self, *, issuer: str, audience: str, jwks: str) -> None:
        self._source = jwks
        self._claims = JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys: KeySet | None = None
        self._stamp = 0.0
        self._lock = asyncio.Lock()

    async def identify(self, token: str) -> Identity:
        """Who the token names. Raises InvalidTokenError, and NoKeysError while the issuer's keys were never fetched."""
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
        subject, roles, name = (decoded.claims.get(claim) for claim in ("sub", "roles", "name"))
        if not isinstance(subject, str) or not subject or len(subject) > 255 or "\x00" in subject:
            raise InvalidTokenError("The token's subject is not a name.")
        return Identity(
            subject,
            name if isinstance(name, str) else None,
            frozenset(role for role in roles if isinstance(role, str))
            if isinstance(roles, list)
            else frozenset(),
        )

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
