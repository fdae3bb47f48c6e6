"""The development issuer: a signing key, created at the first run, its JWK set, and tokens to try the APIs with."""

import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ISSUER = "http://localhost:8109"
AUDIENCE = "antiphon"
TOKEN_LIFE = timedelta(hours=12)


def secret(folder: Path, name: str, *, length: int = 32) -> str:
    """A secret of this site. It is created at the first call, in a file that only its owner can read."""
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(length))
    return path.read_text()


def encryption_key(folder: Path, name: str) -> str:
    """A secret of this site of 32 random bytes, as Fernet has them."""
    return f"{secret(folder, name)}="


def jwks(folder: Path) -> Path:
    """The file with the issuer's public keys, created at the first call."""
    path = folder / "jwks.json"
    if not path.exists():
        path.write_text(json.dumps(KeySet([_key(folder)]).as_dict(private=False)))
    return path


def token(
    folder: Path, *, role: str, name: str, now: datetime, subject: str | None = None, issuer: str = ISSUER
) -> str:
    """A JWT of the development issuer, the provider at `issuer`. For an agent the subject is the agent's id in the organisation's file."""
    key = _key(folder)
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": subject or name,
        "name": name,
        "roles": [role],
        "iat": int(now.timestamp()),
        "exp": int((now + TOKEN_LIFE).timestamp()),
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])


def issuer_key(folder: Path) -> Path:
    """The file with the issuer's private key, created at the first call."""
    _key(folder)
    return folder / "issuer.json"


def gateway_keys(folder: Path) -> Path:
    """The file with the private key that signs the tokens for API keys, as a JWK set; created at the first call."""
    path = folder / "gateway-keys.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(json.dumps(KeySet([_new_key()]).as_dict(private=True)))
    return path


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True, parameters={"use": "sig", "alg": "ES256"})


def _key(folder: Path) -> ECKey:
    path = folder / "issuer.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(json.dumps(_new_key().as_dict(private=True)))
    return ECKey.import_key(json.loads(path.read_text()))
