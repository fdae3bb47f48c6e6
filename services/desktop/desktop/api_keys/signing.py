"""The tokens that the desktop signs for programs. Sources: RFC 9068 (JWT access tokens), RFC 7517 (JWK set)."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from antiphon.access.roles import Role
from antiphon.access.tokens import PROGRAM
from desktop.store.api_keys import ApiKey

TOKEN_LIFE: Final = timedelta(minutes=5)
_ALGORITHM: Final = "ES256"


class SigningKeys:
    """The keys of a file, a JWK set of private P-256 keys: the first one signs, all of them are published.

    So a key is replaced without a refused token: first the new one is added behind, then it becomes the first, and five
    minutes later the old one goes.
    """

    def __init__(self, file: Path, *, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = [ECKey.import_key(key) for key in json.loads(file.read_text())["keys"]]
        for key in self._keys:
            key.ensure_kid()

    def published(self) -> str:
        """The JWK set with which the tokens are checked, as JSON."""
        return json.dumps(KeySet([*self._keys]).as_dict(private=False))

    def token(self, key: ApiKey, roles: Collection[Role], now: datetime) -> tuple[str, int]:
        """A token with these roles of the key, and for how many seconds it is valid: never longer than the key itself."""
        lasts = int(min(TOKEN_LIFE, key.expires_at - now).total_seconds())
        issued = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": f"{PROGRAM}{key.name}",
            "name": key.name,
            "client_id": str(key.api_key_id),
            "roles": sorted(roles),
            "iat": issued,
            "exp": issued + lasts,
            "jti": str(uuid4()),
        }
        signing = self._keys[0]
        header = {"alg": _ALGORITHM, "kid": signing.kid, "typ": "at+jwt"}
        return jwt.encode(header, claims, signing, algorithms=[_ALGORITHM]), lasts
