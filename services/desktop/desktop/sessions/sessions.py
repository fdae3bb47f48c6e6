"""The session of a browser: its beginning, its token, its end."""

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.access.roles import Identity
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem
from antiphon.process import logs
from antiphon.process.clock import Clock
from desktop.sessions.issuer import (
    SIGN_IN,
    TOKENS,
    Granted,
    Issuer,
    IssuerAwayError,
    RefusedError,
    SignIn,
    Tokens,
)
from desktop.settings import Settings
from desktop.store import sessions as store
from desktop.store.sessions import Session

LOG = logs.get(__name__)
SIGN_IN_LASTS = timedelta(minutes=10)
# A token that is passed on lasts at least this long, so that it reaches the service before its end.
REFRESH_BEFORE = timedelta(seconds=30)
# That a session is in use is written at most this often.
NOTED_EVERY = timedelta(minutes=1)


class Sessions:
    """The sessions in the database. Everything that a browser may do begins with `of`."""

    def __init__(self, engine: AsyncEngine, issuer: Issuer, settings: Settings, clock: Clock) -> None:
        self._engine = engine
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._fernet = Fernet(settings.sessions_key.get_secret_value())

    def remember(self, sign_in: SignIn) -> str:
        """A sign-in that has begun, as the cookie has it: encrypted, for SIGN_IN_LASTS."""
        now = int(self._clock().timestamp())
        return self._fernet.encrypt_at_time(SIGN_IN.dump_json(sign_in), now).decode()

    def remembered(self, cookie: str | None) -> SignIn | None:
        """The sign-in that the cookie has; None when there is none or when its time is over."""
        now, lasts = int(self._clock().timestamp()), int(SIGN_IN_LASTS.total_seconds())
        try:
            return SIGN_IN.validate_json(self._fernet.decrypt_at_time((cookie or "").encode(), lasts, now))
        except (InvalidToken, ValidationError):
            return None

    async def begin(self, who: Identity, granted: Granted) -> str:
        """Begins a session. Returns what its cookie has."""
        cookie, now = secrets.token_urlsafe(32), self._clock()
        until = now + self._settings.session_ends_after
        if granted.tokens["refresh"] is None:
            until = min(until, granted.until)
        session = Session(_key(cookie), who, self._encrypted(granted.tokens), granted.until, until)
        async with self._engine.begin() as tx:
            await store.add(tx, session, now + self._settings.idle_after)
        return cookie

    async def of(self, cookie: str | None) -> Session | None:
        """The session of a browser, which is in use by that; None when it has none, or none any more."""
        if not cookie:
            return None
        now, key = self._clock(), _key(cookie)
        idle_until = now + self._settings.idle_after
        async with self._engine.begin() as tx:
            session = await store.find(tx, key, now)
            if session is not None and session.until < idle_until - NOTED_EVERY:
                await store.use(tx, [key], now, idle_until, idle_until - NOTED_EVERY)
        return session

    async def token_of(self, key: bytes) -> str:
        """`token` of the session as it is now."""
        async with self._engine.connect() as connection:
            session = await store.find(connection, key, self._clock())
        if session is None:
            raise not_signed_in()
        return await self.token(session)

    async def token(self, session: Session) -> str:
        """The session's access token, which lasts at least REFRESH_BEFORE.

        Raises Problem 401 when the session is over, at the issuer or here, and 503 when the issuer is away.
        """
        if session.token_until - self._clock() >= REFRESH_BEFORE:
            return self._decrypted(session)["access"]
        try:
            # Two requests of one session: the second one waits for the row, and finds the new tokens in it. A refresh token
            # that is used twice is taken for stolen.
            async with self._engine.begin() as tx:
                locked = await store.find(tx, session.key, self._clock(), lock=True)
                if locked is None:
                    raise not_signed_in()
                return await self._token_of_locked(tx, locked)
        except RefusedError as error:
            LOG.info("session ended by the issuer", subject=session.who.subject, reason=str(error))
            await self.end(session)
            raise not_signed_in() from error
        except IssuerAwayError as error:
            raise Problem(Kind.NOT_AVAILABLE, "The issuer of tokens does not answer.") from error

    async def _token_of_locked(self, tx: AsyncConnection, session: Session) -> str:
        now, tokens = self._clock(), self._decrypted(session)
        if session.token_until - now >= REFRESH_BEFORE or tokens["refresh"] is None:
            return tokens["access"]
        try:
            who, granted = await self._issuer.refresh(tokens["refresh"])
        except IssuerAwayError:
            if session.token_until > now:
                return tokens["access"]
            raise
        if who.subject != session.who.subject:
            raise RefusedError("the new token is of another person")
        await store.keep_tokens(
            tx,
            replace(
                session,
                who=who._replace(name=who.name or session.who.name),
                tokens=self._encrypted(granted.tokens),
                token_until=granted.until,
            ),
        )
        return granted.tokens["access"]

    async def end(self, session: Session) -> None:
        """Ends a session. Every process ends its streams."""
        async with self._engine.begin() as tx:
            await store.end(tx, session.key)

    async def sign_out(self, session: Session) -> None:
        """Ends a session here, then at the issuer; where the issuer is away, its refresh token ends by itself."""
        await self.end(session)
        refresh = self._decrypted(session)["refresh"]
        if refresh is not None:
            try:
                await self._issuer.revoke(refresh)
            except (IssuerAwayError, RefusedError) as error:
                LOG.warning("a refresh token was not revoked", reason=str(error))

    def _encrypted(self, tokens: Tokens) -> bytes:
        return self._fernet.encrypt(TOKENS.dump_json(tokens))

    def _decrypted(self, session: Session) -> Tokens:
        try:
            return TOKENS.validate_json(self._fernet.decrypt(session.tokens))
        except InvalidToken:
            raise not_signed_in() from None


def not_signed_in() -> Problem:
    """401 for a browser without a session."""
    return Problem(
        Kind.NOT_SIGNED_IN, "Sign in at /session/sign-in.", headers={"WWW-Authenticate": 'Cookie realm="antiphon"'}
    )  # fmt: skip


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
