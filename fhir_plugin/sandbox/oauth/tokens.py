"""Authorization codes and tokens that were issued, and the rules of their lives.

They are held in memory: a sandbox that restarts has signed everybody out, as an EHR may do at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, TokenMixin

from fhir_plugin.sandbox.oauth.clients import RegisteredClient
from fhir_plugin.sandbox.oauth.context import LaunchContext


@dataclass(frozen=True)
class Lifetimes:
    """Seconds that each thing lives. SMART asks for about a minute for codes, at most an hour for tokens."""

    code: float = 60
    launch: float = 600
    interaction: float = 600
    access_token: int = 3600
    backend_access_token: int = 300
    online_refresh: float = 8 * 3600
    offline_refresh: float = 90 * 86400


@dataclass(eq=False)
class AuthorizationCode(AuthorizationCodeMixin):  # type: ignore[misc]  # authlib carries no types
    """A code, single use, bound to client, redirect URI and PKCE challenge."""

    code: str = field(repr=False)
    client_id: str
    redirect_uri: str
    scope: str
    user: str
    context: LaunchContext
    family: str
    nonce: str | None
    code_challenge: str = field(repr=False)
    code_challenge_method: str
    auth_time: int
    expires_at: float
    used: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass(eq=False)
class Token(TokenMixin):  # type: ignore[misc]  # authlib carries no types
    """One access token with the refresh token that came with it. A family is all that one code led to."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    client_id: str
    scope: str
    refresh_scope: str
    user: str | None
    context: LaunchContext
    family: str
    issued_at: float
    access_expires_at: float
    refresh_expires_at: float
    revoked: bool = False
    rotated: bool = False

    def check_client(self, client: RegisteredClient) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        """What a refresh may ask for: never narrowed by an earlier, narrower refresh (RFC 6749 section 6)."""
        return self.refresh_scope


class TokenBook:
    """All codes and tokens. Every change of state happens under one lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._codes: dict[str, AuthorizationCode] = {}
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}
        self._assertions: dict[tuple[str, str], float] = {}
        self._ended: set[str] = set()
        self._lock = threading.RLock()

    def add_code(self, code: AuthorizationCode) -> None:
        with self._lock:
            now = self.clock()
            # A used code stays a while after its end, so that a late replay still revokes its tokens.
            self._codes = {k: c for k, c in self._codes.items() if c.expires_at + 3600 > now}
            self._codes[code.code] = code

    def find_code(self, code: str, client_id: str) -> AuthorizationCode | None:
        """A live code of this client. A replayed one revokes all that came of it (RFC 6749 section 4.1.2)."""
        with self._lock:
            found = self._codes.get(code)
            if found is None or found.client_id != client_id:
                return None
            if found.used:
                self.revoke_family(found.family)
                return None
            return found if found.expires_at > self.clock() else None

    def claim_code(self, code: AuthorizationCode) -> bool:
        """Use the code up; False when it was used in the meantime."""
        with self._lock:
            if code.used:
                self.revoke_family(code.family)
                return False
            code.used = True
            return True

    def add_token(self, token: Token) -> None:
        with self._lock:
            # A replay may have ended the family while this token was being made.
            token.revoked = token.revoked or token.family in self._ended
            self._access[token.access_token] = token
            if token.refresh_token is not None:
                self._refresh[token.refresh_token] = token

    def find_access(self, text: str) -> Token | None:
        """The token if it is good at this moment."""
        found = self._access.get(text)
        if found is None or found.revoked or found.access_expires_at <= self.clock():
            return None
        return found

    def find_refresh(self, text: str, client_id: str) -> Token | None:
        """The live record behind a refresh token. One that was rotated away, if used again, revokes the whole
        family: either the thief or the app is holding a copy (RFC 9700 section 4.14)."""
        with self._lock:
            found = self._refresh.get(text)
            if found is None or found.client_id != client_id or found.revoked:
                return None
            if found.rotated:
                self.revoke_family(found.family)
                return None
            return found if found.refresh_expires_at > self.clock() else None

    def find_any(self, text: str) -> Token | None:
        """By either value, whatever its state: for introspection and revocation."""
        return self._access.get(text) or self._refresh.get(text)

    def claim_refresh(self, token: Token) -> bool:
        """Rotate the refresh token away; False, and the family revoked, when that has been done already."""
        with self._lock:
            if token.rotated or token.revoked:
                self.revoke_family(token.family)
                return False
            token.rotated = True
            return True

    def revoke_family(self, family: str) -> None:
        with self._lock:
            self._ended.add(family)
            for token in self._access.values():
                if token.family == family:
                    token.revoked = True

    def revoke_access(self, token: Token) -> None:
        with self._lock:
            token.access_expires_at = min(token.access_expires_at, self.clock())

    def expire_all(self, *, refresh: bool = False) -> int:
        """For tests: end every access token now, and with `refresh` every refresh token. Returns how many."""
        with self._lock:
            now = self.clock()
            ended = 0
            for token in self._access.values():
                if token.access_expires_at > now:
                    token.access_expires_at = now
                    ended += 1
                if refresh:
                    token.refresh_expires_at = min(token.refresh_expires_at, now)
            return ended

    def note_assertion(self, client_id: str, jti: str, expires_at: float) -> bool:
        """Remember a client assertion's jti until it has expired; False when it was seen before."""
        with self._lock:
            now = self.clock()
            self._assertions = {k: end for k, end in self._assertions.items() if end > now}
            if (client_id, jti) in self._assertions:
                return False
            self._assertions[client_id, jti] = expires_at
            return True

    def introspect(self, text: str, token: Token, claims: dict[str, Any]) -> dict[str, Any]:
        """RFC 7662 answer for one value of `token`; `claims` is what is known of its person."""
        is_refresh = text == token.refresh_token
        expires_at = token.refresh_expires_at if is_refresh else token.access_expires_at
        if token.revoked or (is_refresh and token.rotated) or expires_at <= self.clock():
            return {"active": False}
        return {
            "active": True,
            "client_id": token.client_id,
            "scope": token.refresh_scope if is_refresh else token.scope,
            "exp": int(expires_at),
            "iat": int(token.issued_at),
            "token_type": "refresh_token" if is_refresh else "Bearer",
            **claims,
            **token.context.as_parameters(),
        }
