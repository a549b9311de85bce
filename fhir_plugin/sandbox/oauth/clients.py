"""The apps that the sandbox knows: how each is registered, and how it proves who it is."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from authlib.oauth2.rfc6749 import ClientMixin

from fhir_plugin.sandbox.oauth import scopes

AuthMethod = Literal["none", "client_secret_basic", "private_key_jwt"]


@dataclass(frozen=True)
class SandboxClient:
    """One registered app (SMART-R20 to R23): fixed launch URL, fixed redirect URIs, one way to authenticate."""

    client_id: str
    name: str
    launch_url: str
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod = "none"
    secret: str | None = field(default=None, repr=False)
    jwks_uri: str | None = None
    jwks: Mapping[str, Any] | None = field(default=None, repr=False)
    scope: str | None = None
    """The scopes that it may be granted, space separated; None lets it ask for any."""
    intent: str | None = None
    """The `intent` launch parameter that the EHR's button sends, if any (SMART-R192)."""
    launch_urls: Mapping[str, str] = field(default_factory=dict)
    """Another launch URL for some people, by their user name: an EHR shows different entries to different staff."""
    backend: bool = False
    """Whether it may use client_credentials with system/ scopes (SMART backend services)."""

    def launch_url_of(self, user: str) -> str:
        """What this person's button in the chart opens."""
        return self.launch_urls.get(user, self.launch_url)

    def __post_init__(self) -> None:
        if self.auth_method == "client_secret_basic" and not self.secret:
            raise ValueError("a client_secret_basic client needs a secret")
        if self.auth_method == "private_key_jwt" and (self.jwks_uri is None) == (self.jwks is None):
            raise ValueError("a private_key_jwt client needs either jwks_uri or jwks")
        if not self.redirect_uris and not self.backend:
            raise ValueError("a client needs at least one redirect URI")
        if self.backend and self.auth_method != "private_key_jwt":
            raise ValueError("backend services authenticate with private_key_jwt")


class RegisteredClient(ClientMixin):  # type: ignore[misc]  # authlib carries no types
    """A `SandboxClient` as Authlib asks about it."""

    def __init__(self, registration: SandboxClient, narrow: Callable[[str], str] = str) -> None:
        self.registration = registration
        self._narrow = narrow

    @property
    def client_id(self) -> str:
        return self.registration.client_id

    def __repr__(self) -> str:
        return f"RegisteredClient({self.client_id!r})"

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """SMART asks for redirect_uri in every request (SMART-R34), so there is no default."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The part of `scope` that this client may have; None (invalid_scope) when nothing is left."""
        registered = self.registration.scope
        allowed = None if registered is None else frozenset(f"{registered} {self._narrow(registered)}".split())
        levels = ("system",) if self.registration.backend else ("patient", "user")
        return self._narrow(scopes.grant(scope, allowed=allowed, levels=levels).text) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exact comparison, byte for byte (RFC 9700 section 2.1)."""
        return redirect_uri in self.registration.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        expected = self.registration.secret or ""
        return bool(expected) and hmac.compare_digest(expected.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.registration.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        if self.registration.backend:
            return grant_type == "client_credentials"
        return grant_type in ("authorization_code", "refresh_token")


class ClientRegistry:
    """The apps by client_id. Apps may be registered while the sandbox runs: their port is known late."""

    def __init__(self, clients: tuple[SandboxClient, ...] = (), narrow: Callable[[str], str] = str) -> None:
        """`narrow`: what this server grants of a scope string, for every app."""
        self._clients: dict[str, RegisteredClient] = {}
        self._narrow = narrow
        for client in clients:
            self.register(client)

    def register(self, client: SandboxClient) -> None:
        """Add an app, or replace the registration with the same client_id."""
        self._clients[client.client_id] = RegisteredClient(client, self._narrow)

    def find(self, client_id: str | None) -> RegisteredClient | None:
        return None if client_id is None else self._clients.get(client_id)

    def launchable(self) -> tuple[SandboxClient, ...]:
        """The apps that a chart can launch, by name."""
        found = [c.registration for c in self._clients.values() if not c.registration.backend]
        return tuple(sorted(found, key=lambda client: client.name))
