"""Requests for a token, as RFC 6749 has them: where the name and the secret are, and which error a wrong one gets."""

from base64 import b64encode

import pytest

from antiphon.access.roles import Role
from desktop.domain.token_requests import FORM, OAuthCode, OAuthError, TokenRequest, granted, token_request

GRANT = b"grant_type=client_credentials"
BOTH = b"&client_id=crm&client_secret=s"


def basic(credentials: str) -> str:
    return f"Basic {b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize(
    ("body", "authorization", "scope"),
    [
        (GRANT, basic("crm:s"), set[str]()),
        (GRANT, basic("cr%6D:s"), set[str]()),
        (GRANT + BOTH, None, set[str]()),
        (GRANT + b"&scope=agent+manager", basic("crm:s").replace("Basic", "basic"), {"agent", "manager"}),
    ],
)
def test_the_name_and_the_secret_are_in_the_header_or_in_the_form(
    body: bytes, authorization: str | None, scope: set[str]
) -> None:
    assert token_request(body, f"{FORM}; charset=utf-8", authorization) == TokenRequest(
        "s", "crm", frozenset(scope)
    )


@pytest.mark.parametrize(
    ("body", "content_type", "authorization", "code"),
    [
        (b"{}", "application/json", None, OAuthCode.INVALID_REQUEST),
        (b"", FORM, basic("crm:s"), OAuthCode.INVALID_REQUEST),
        (b"\xff", FORM, basic("crm:s"), OAuthCode.INVALID_REQUEST),
        (b"grant_type", FORM, basic("crm:s"), OAuthCode.INVALID_REQUEST),
        (GRANT + b"&" + GRANT, FORM, basic("crm:s"), OAuthCode.INVALID_REQUEST),
        (GRANT + BOTH, FORM, basic("crm:s"), OAuthCode.INVALID_REQUEST),
        (b"grant_type=password", FORM, basic("crm:s"), OAuthCode.UNSUPPORTED_GRANT_TYPE),
        (GRANT, FORM, None, OAuthCode.INVALID_CLIENT),
        (GRANT, FORM, "Bearer s", OAuthCode.INVALID_CLIENT),
        (GRANT, FORM, "Basic ?", OAuthCode.INVALID_CLIENT),
        (GRANT, FORM, basic("crm"), OAuthCode.INVALID_CLIENT),
        (GRANT, FORM, basic(":s"), OAuthCode.INVALID_CLIENT),
    ],
)
def test_every_other_request_gets_the_error_of_its_fault(
    body: bytes, content_type: str, authorization: str | None, code: OAuthCode
) -> None:
    with pytest.raises(OAuthError) as found:
        token_request(body, content_type, authorization)
    assert found.value.code is code
    assert found.value.status == (401 if code is OAuthCode.INVALID_CLIENT else 400)


def test_a_token_has_the_roles_that_were_asked_for_or_all_and_never_others() -> None:
    roles = [Role.AGENT, Role.MANAGER]
    assert granted([], roles) == {Role.AGENT, Role.MANAGER}
    assert granted(["manager"], roles) == {Role.MANAGER}
    with pytest.raises(OAuthError, match="integration, supervisor"):
        granted(["supervisor", "agent", "integration"], roles)
