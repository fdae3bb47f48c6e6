"""The issuer: where people sign in, and where the desktop gets their tokens.

Sources: OpenID Connect Core 1.0 (code flow) and Discovery 1.0, RFC 7636 (PKCE), RFC 6749 (tokens), RFC 7009 (revocation),
OpenID Connect RP-Initiated Logout 1.0.
"""

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from antiphon.access.roles import Identity
from antiphon.access.tokens import Access, InvalidTokenError, NoKeysError
from antiphon.process import logs
from antiphon.process.clock import Clock
from desktop.settings import Settings

LOG = logs.get(__name__)
CALLBACK = "/session/callback"
_DISCOVERY_KEPT_FOR = timedelta(hours=1)


class IssuerAwayError(Exception):
    """The issuer did not answer; trying again later can succeed."""


class RefusedError(Exception):
    """The issuer refused, or what it gave does not fit; the message says what, without any token."""


class SignIn(TypedDict):
    """What the desktop remembers of a sign-in until the person is back from the issuer."""

    state: str
    nonce: str
    verifier: str
    to: str


SIGN_IN = TypeAdapter(SignIn)


class Tokens(TypedDict):
    """The tokens of a session."""

    access: str
    refresh: str | None


TOKENS = TypeAdapter(Tokens)


@dataclass(frozen=True)
class Granted:
    """What the issuer gave: the tokens, and until when the access token lasts."""

    tokens: Tokens
    until: datetime
    id_token: str | None


class _Answer(BaseModel):
    access_token: str
    refresh_token: str | None = None
    id_token: str | None = None
    expires_in: float = Field(default=300, gt=0)


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None


class Issuer:
    """The desktop as a confidential client of the issuer."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._access = Access.of(settings)
        self._id_tokens = Access(
            issuer=settings.issuer, audience=settings.client_id, jwks=settings.jwks,
        )  # fmt: skip
        self._metadata: _Metadata | None = None
        self._read_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def begin(self, to: str) -> tuple[str, SignIn]:
        """Where the browser goes to sign in, and what is to be remembered meanwhile. Raises IssuerAwayError."""
        sign_in = SignIn(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48), to=to
        )  # fmt: skip
        challenge = urlsafe_b64encode(hashlib.sha256(sign_in["verifier"].encode()).digest()).rstrip(b"=")
        asked = {
            "client_id": self._settings.client_id,
            "response_type": "code",
            "redirect_uri": self._redirect_uri,
            "scope": self._settings.scope,
            "state": sign_in["state"],
            "nonce": sign_in["nonce"],
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        return _with_query((await self._discovered()).authorization_endpoint, asked), sign_in

    async def complete(self, sign_in: SignIn, answer: Mapping[str, str]) -> tuple[Identity, Granted]:
        """Who signed in, with their tokens, by what the issuer gave the browser. Raises RefusedError and IssuerAwayError."""
        if not secrets.compare_digest(answer.get("state", ""), sign_in["state"]):
            raise RefusedError("the state is not that of this browser")
        # RFC 9207: an answer of another issuer is refused.
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise RefusedError("another issuer answered")
        if "code" not in answer:
            raise RefusedError(f"the issuer answered {answer.get('error', 'nothing')[:100]!r}")
        granted = await self._granted(
            {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": self._redirect_uri,
                "code_verifier": sign_in["verifier"],
            }
        )
        try:
            claims = await self._id_tokens.claims_of(granted.id_token or "")
        except InvalidTokenError as error:
            raise RefusedError(str(error)) from error
        except NoKeysError as error:
            raise IssuerAwayError(str(error)) from error
        if claims.get("nonce") != sign_in["nonce"]:
            raise RefusedError("the id token is of another sign-in")
        who, name = await self._identity_of(granted), claims.get("name")
        return (who if who.name or not isinstance(name, str) else who._replace(name=name)), granted

    async def refresh(self, refresh_token: str) -> tuple[Identity, Granted]:
        """New tokens, and whose they are by now. Raises RefusedError when the session is over at the issuer, else IssuerAwayError."""
        granted = await self._granted({"grant_type": "refresh_token", "refresh_token": refresh_token})
        # Without a new one the token lasts: RFC 6749, section 6.
        kept = granted.tokens["refresh"] or refresh_token
        who = await self._identity_of(granted)
        return who, Granted(Tokens(access=granted.tokens["access"], refresh=kept), granted.until, None)

    async def _identity_of(self, granted: Granted) -> Identity:
        try:
            return await self._access.identify(granted.tokens["access"])
        except InvalidTokenError as error:
            raise RefusedError(str(error)) from error
        except NoKeysError as error:
            raise IssuerAwayError(str(error)) from error

    async def revoke(self, refresh_token: str) -> None:
        """Asks the issuer to forget the token, where it can; raises IssuerAwayError."""
        endpoint = (await self._discovered()).revocation_endpoint
        if endpoint is not None:
            await self._post(endpoint, {"token": refresh_token, "token_type_hint": "refresh_token"})

    async def signed_out(self) -> str:
        """Where the browser goes to sign out at the issuer too; the desktop's own address when the issuer has no such page.

        The address has no token: the issuer may ask the person whether they want to sign out.
        """
        home = f"{self._settings.address}/"
        try:
            endpoint = (await self._discovered()).end_session_endpoint
        except IssuerAwayError:
            return home
        asked = {"client_id": self._settings.client_id, "post_logout_redirect_uri": home}
        return home if endpoint is None else _with_query(endpoint, asked)

    @property
    def _redirect_uri(self) -> str:
        return f"{self._settings.address}{CALLBACK}"

    async def _discovered(self) -> _Metadata:
        async with self._reading:
            now = self._clock()
            if self._metadata is None or self._read_at is None or now - self._read_at > _DISCOVERY_KEPT_FOR:
                url = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                try:
                    answer = await self._http.get(url)
                    answer.raise_for_status()
                    found = _Metadata.model_validate_json(answer.content)
                except (httpx.HTTPError, ValidationError) as error:
                    if self._metadata is None:
                        raise IssuerAwayError(f"{url}: {type(error).__name__}") from error
                    LOG.warning("the issuer's metadata can't be read", url=url, reason=type(error).__name__)
                    return self._metadata
                if found.issuer != self._settings.issuer:
                    raise IssuerAwayError(f"{url} is of the issuer {found.issuer}")
                self._metadata, self._read_at = found, now
            return self._metadata

    async def _granted(self, asked: Mapping[str, str]) -> Granted:
        now = self._clock()
        answer = await self._post((await self._discovered()).token_endpoint, asked)
        try:
            given = _Answer.model_validate_json(answer.content)
        except ValidationError as error:
            raise RefusedError("the issuer's answer has no access token") from error
        tokens = Tokens(access=given.access_token, refresh=given.refresh_token)
        return Granted(tokens, now + timedelta(seconds=given.expires_in), given.id_token)

    async def _post(self, url: str, form: Mapping[str, str]) -> httpx.Response:
        secret = self._settings.client_secret.get_secret_value()
        # RFC 6749, section 2.3.1: both are form-encoded before they become the user and password of Basic.
        who = httpx.BasicAuth(quote(self._settings.client_id, safe=""), quote(secret, safe=""))
        try:
            answer = await self._http.post(url, data=dict(form), auth=who)
        except httpx.HTTPError as error:
            raise IssuerAwayError(f"{url}: {type(error).__name__}") from error
        if answer.is_success:
            return answer
        if answer.status_code in {400, 401}:
            raise RefusedError(f"the issuer answered {_error_of(answer)!r}")
        raise IssuerAwayError(f"{url}: status {answer.status_code}")


def _error_of(answer: httpx.Response) -> str:
    try:
        found: object = answer.json().get("error")
    except (ValueError, AttributeError):
        return f"status {answer.status_code}"
    return str(found)[:100]


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
