"""Requests for a token: the client credentials grant of OAuth 2.0. Pure. Source: RFC 6749, sections 2.3.1, 4.4 and 5.2."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from antiphon.access.roles import Role

FORM: Final = "application/x-www-form-urlencoded"
GRANT: Final = "client_credentials"


class OAuthCode(StrEnum):
    """The errors of RFC 6749, section 5.2, that are answered here."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_SCOPE = "invalid_scope"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"


class OAuthError(Exception):
    """A request that gets no token."""

    def __init__(self, code: OAuthCode, description: str) -> None:
        super().__init__(description)
        self.code = code

    @property
    def status(self) -> int:
        """The HTTP status: 401 for a client that is not who it says."""
        return 401 if self.code is OAuthCode.INVALID_CLIENT else 400


@dataclass(frozen=True)
class TokenRequest:
    """What a client asks for: the secret that it has, the name that it gives itself, and the roles that it wants."""

    secret: str
    client_id: str
    scope: frozenset[str]


def token_request(body: bytes, content_type: str, authorization: str | None) -> TokenRequest:
    """The request. Its secret is in the form or in `Authorization: Basic`, never in both. Raises OAuthError."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise OAuthError(OAuthCode.INVALID_REQUEST, f"Send a form: Content-Type {FORM}.")
    fields = _fields(body)
    grant = fields.get("grant_type")
    if not grant:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "grant_type is missing.")
    if grant != GRANT:
        raise OAuthError(OAuthCode.UNSUPPORTED_GRANT_TYPE, f"The only grant_type is {GRANT}.")
    client_id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
    if authorization is not None:
        if secret:
            raise OAuthError(
                OAuthCode.INVALID_REQUEST, "Send the secret once: in Authorization or in the form."
            )
        client_id, secret = _basic(authorization)
    if not client_id or not secret:
        raise OAuthError(
            OAuthCode.INVALID_CLIENT, "client_id and client_secret are the key's name and its secret."
        )
    return TokenRequest(secret, client_id, frozenset(fields.get("scope", "").split()))


def granted(asked: Collection[str], allowed: Collection[Role]) -> frozenset[Role]:
    """The roles of the token: those that were asked for, or all that the key has. Raises OAuthError for others."""
    beyond = sorted(set(asked) - {role.value for role in allowed})
    if beyond:
        raise OAuthError(OAuthCode.INVALID_SCOPE, f"The key does not have: {', '.join(beyond)}.")
    return frozenset(role for role in allowed if not asked or role.value in asked)


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=20,
            errors="strict",
        )
    except ValueError as error:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "The body is not a form.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthError(OAuthCode.INVALID_REQUEST, "A parameter is given more than once.")
    return fields


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise OAuthError(OAuthCode.INVALID_CLIENT, "Authorization is not Basic.")
    try:
        name, _, secret = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError as error:
        raise OAuthError(
            OAuthCode.INVALID_CLIENT, "Authorization is not Basic with a name and a secret."
        ) from error
    return unquote_plus(name), unquote_plus(secret)
