"""How a `private_key_jwt` client proves who it is: SMART's rules, which are narrower than RFC 7523's.

Authlib 1.9.9 refuses RS384 and ES384, the two algorithms that SMART asks for, unless it is told an explicit
list; and it knows neither the five minutes nor the one-string audience. So claims are checked here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import requests
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

from fhir_plugin.sandbox.oauth.clients import RegisteredClient, SandboxClient
from fhir_plugin.sandbox.oauth.tokens import TokenBook

ALGORITHMS = ("RS384", "ES384")
MAX_AHEAD = 300
"""Seconds that `exp` may lie ahead (SMART-R330)."""
LEEWAY = 5
"""Seconds of difference between two clocks that are forgiven."""
_CACHE_SECONDS = 300
_MAX_JWKS_BYTES = 65536


class ClientKeys:
    """Public keys of registered clients: the registered set, or the one at the registered JWKS URL."""

    def __init__(self) -> None:
        self._cache: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def find(self, client: SandboxClient, kid: str) -> KeySet:
        """The client's keys. A key id that is not in the cached set makes us look at the URL again.

        Raises InvalidClientError if there is no such key or the set cannot be read.
        """
        if client.jwks is not None:
            return self._matching(client.jwks, kid)
        uri = client.jwks_uri or ""
        cached = self._cache.get(uri)
        if cached is not None and cached[0] > time.monotonic() and _has_kid(cached[1], kid):
            return self._matching(cached[1], kid)
        found = _fetch(uri)
        self._cache[uri] = (time.monotonic() + _CACHE_SECONDS, found)
        return self._matching(found, kid)

    @staticmethod
    def _matching(document: Mapping[str, Any], kid: str) -> KeySet:
        keys = [key for key in _keys(document) if key.get("kid") == kid]
        if not keys:
            raise InvalidClientError(description="The client has no key with this kid.")
        try:
            return KeySet([import_key(dict(key)) for key in keys])
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidClientError(description="The client's key cannot be read.") from error


def _keys(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    keys = document.get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _has_kid(document: Mapping[str, Any], kid: str) -> bool:
    return any(key.get("kid") == kid for key in _keys(document))


def _fetch(uri: str) -> Mapping[str, Any]:
    try:
        with requests.get(uri, timeout=5, allow_redirects=False, stream=True) as answer:
            body = next(answer.iter_content(_MAX_JWKS_BYTES + 1), b"")
            if answer.status_code != 200 or len(body) > _MAX_JWKS_BYTES:
                raise InvalidClientError(description="The client's JWKS URL gives no key set.")
            document = json.loads(body)
    except (requests.RequestException, OSError, ValueError) as error:
        raise InvalidClientError(description="The client's JWKS URL cannot be read.") from error
    if not isinstance(document, dict):
        raise InvalidClientError(description="The client's JWKS URL gives no key set.")
    return document


class SmartClientAssertion(JWTBearerClientAssertion):  # type: ignore[misc]  # authlib carries no types
    """Client authentication by a signed assertion (SMART-R308 to R334)."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, *, token_url: str, book: TokenBook, keys: ClientKeys) -> None:
        super().__init__(leeway=LEEWAY)
        self._audience = token_url
        self._book = book
        self._client_keys = keys

    def get_audiences(self) -> list[str]:
        return [self._audience]

    def resolve_client_public_key(self, client: RegisteredClient) -> RegisteredClient:
        """The key is chosen by the assertion's kid, so it is looked up when the header has been checked."""
        if client.registration.auth_method != self.CLIENT_AUTH_METHOD:
            raise InvalidClientError(description="The client is not registered for private_key_jwt.")
        return client

    def process_assertion_claims(self, assertion: str, resolve_key: RegisteredClient) -> Mapping[str, Any]:
        """Check header, signature and claims. `resolve_key` is the client, by the method above."""
        client = resolve_key.registration
        headers, _ = self.extract_assertion(assertion)
        kid = headers.get("kid")
        if headers.get("alg") not in ALGORITHMS:
            raise InvalidClientError(description="The assertion must be signed with RS384 or ES384.")
        if headers.get("typ") != "JWT" or not isinstance(kid, str):
            raise InvalidClientError(description="The assertion's header needs typ JWT and a kid.")
        if "jku" in headers and headers["jku"] != client.jwks_uri:
            raise InvalidClientError(description="The assertion's jku is not the registered JWKS URL.")
        try:
            token = jwt.decode(assertion, self._client_keys.find(client, kid), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidClientError(description="The assertion's signature cannot be verified.") from error
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: Mapping[str, Any]) -> None:
        """iss = sub = client_id, aud the token URL alone, exp at most five minutes ahead, jti never seen."""
        now = self._book.clock()
        expires_at, jti = claims.get("exp"), claims.get("jti")
        if claims.get("iss") != claims.get("sub"):
            raise InvalidClientError(description="The assertion's iss and sub must both be the client_id.")
        if claims.get("aud") != self._audience:
            raise InvalidClientError(description="The assertion's aud must be the token endpoint URL.")
        if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
            raise InvalidClientError(description="The assertion needs exp, in seconds.")
        if expires_at <= now - LEEWAY:
            raise InvalidClientError(description="The assertion has expired.")
        if expires_at > now + MAX_AHEAD + LEEWAY:
            raise InvalidClientError(description="The assertion's exp is more than five minutes ahead.")
        for name in ("nbf", "iat"):
            moment = claims.get(name)
            if moment is not None and (not isinstance(moment, int | float) or moment > now + LEEWAY):
                raise InvalidClientError(description=f"The assertion's {name} lies ahead.")
        if not isinstance(jti, str) or not jti:
            raise InvalidClientError(description="The assertion needs a jti.")
        if not self._book.note_assertion(claims["sub"], jti, expires_at + LEEWAY):
            raise InvalidClientError(description="The assertion's jti was used before.")
