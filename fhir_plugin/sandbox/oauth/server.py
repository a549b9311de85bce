"""The authorization server as one object: clients, launches, codes, tokens and keys under one issuer."""

from __future__ import annotations

import functools
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Request
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
    UnsupportedResponseTypeError,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from flask import Request
from flask import request as current_request
from joserfc.jwk import RSAKey

from fhir_plugin.sandbox.oauth import flows, scopes
from fhir_plugin.sandbox.oauth.assertion import ClientKeys, SmartClientAssertion
from fhir_plugin.sandbox.oauth.clients import ClientRegistry, RegisteredClient
from fhir_plugin.sandbox.oauth.context import LaunchContext, LaunchDesk
from fhir_plugin.sandbox.oauth.realm import User
from fhir_plugin.sandbox.oauth.tokens import AuthorizationCode, Lifetimes, Token, TokenBook

# Authlib writes whole token responses to its debug log; no setting of ours or of an operator shall show them.
logging.getLogger("authlib").setLevel(logging.INFO)

_MAX_PARAMETER = 8192


@functools.lru_cache(maxsize=1)
def process_signing_key() -> RSAKey:
    """The RS256 key of this process: made once, never written down. Clients find it at the JWKS URL."""
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True)
    key.ensure_kid()
    return key


class _Payload(OAuth2Payload):  # type: ignore[misc]  # authlib carries no types
    """Parameters from one place only: the query of a GET, the form of a POST. A token request whose
    parameters are in its URL is not read, because URLs are logged."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._lists = values

    @property
    def data(self) -> dict[str, str]:
        return {name: found[0] for name, found in self._lists.items() if found}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, self._lists)


class SmartRequest(FlaskOAuth2Request):  # type: ignore[misc]  # authlib carries no types
    """The request as Authlib reads it. The scheme is not checked: the operator chose the address to listen on,
    and only synthetic people live here."""

    def __init__(self, request: Request, values: Mapping[str, list[str]] | None = None) -> None:
        self.method, self.uri, self.headers = request.method, request.url, request.headers
        self._request, self._scope, self._body = request, None, None
        self.client: RegisteredClient | None = None
        self.authorization_code: AuthorizationCode | None = None
        self.refresh_token: Token | None = None
        self.auth_method = self.user = self.credential = None
        self.approval: flows.Approval | None = None
        if values is None:
            values = (request.form if request.method == "POST" else request.args).to_dict(flat=False)
        self.payload = _Payload(values)


class SmartServer(AuthorizationServer):  # type: ignore[misc]  # authlib carries no types
    """Joins the parts. `users` maps a sign-in id to a person."""

    def __init__(
        self,
        *,
        base_url: str,
        clients: ClientRegistry,
        users: Mapping[str, User],
        lifetimes: Lifetimes,
        clock: Callable[[], float],
        capabilities: frozenset[str] | None = None,
        scopes_supported: tuple[str, ...] | None = None,
    ) -> None:
        """`capabilities` and `scopes_supported`: what discovery lists; None: all that this server does."""
        super().__init__()
        self.capabilities, self.scopes_supported = capabilities, scopes_supported
        self.base_url = base_url.rstrip("/")
        self.clients, self.users, self.lifetimes = clients, users, lifetimes
        self.book = TokenBook(clock)
        self.launches = LaunchDesk(lifetime=lifetimes.launch, clock=clock)
        self.signing_key = process_signing_key()
        self.register_token_generator("default", self._bearer(lifetimes.access_token))
        self.register_token_generator("client_credentials", self._bearer(lifetimes.backend_access_token))
        self.register_client_auth_method(
            "private_key_jwt",
            SmartClientAssertion(token_url=self.token_url, book=self.book, keys=ClientKeys()),
        )
        self.register_grant(
            flows.SmartCodeGrant,
            [flows.SmartRequestRules(), flows.RequiredPkce(required=True), flows.SmartIdToken(self)],
        )
        self.register_grant(flows.SmartRefreshGrant)
        self.register_grant(flows.BackendGrant)
        self.register_endpoint(flows.SmartIntrospection)
        self.register_endpoint(flows.SmartRevocation)

    @property
    def fhir_base(self) -> str:
        return f"{self.base_url}/fhir"

    @property
    def issuer(self) -> str:
        """The OpenID Connect issuer. It is not the FHIR base: a client that mixes the two up shall notice."""
        return f"{self.base_url}/oauth"

    @property
    def token_url(self) -> str:
        return f"{self.base_url}/oauth/token"

    def fhir_user_url(self, user: str) -> str:
        return f"{self.fhir_base}/{self.users[user].fhir_user}"

    # What Authlib asks of us

    def query_client(self, client_id: str) -> RegisteredClient | None:
        return self.clients.find(client_id)

    def create_oauth2_request(self, request: Mapping[str, list[str]] | None) -> SmartRequest:
        """The current request, or stored parameters of one that came before."""
        made = SmartRequest(current_request, request)
        for name, values in made.payload.datalist.items():
            if any(len(value) > _MAX_PARAMETER for value in (name, *values)):
                raise InvalidRequestError("A parameter is too long.")
        return made

    def get_authorization_grant(self, request: OAuth2Request) -> flows.SmartCodeGrant:
        """As Authlib's, but a strange response_type never becomes part of an error's text."""
        if request.payload.response_type == "code":
            grant: flows.SmartCodeGrant = super().get_authorization_grant(request)
            return grant
        redirect_uri = None
        client = self.query_client(request.payload.client_id)
        if client is not None and client.check_redirect_uri(request.payload.redirect_uri):
            redirect_uri = request.payload.redirect_uri
        raise UnsupportedResponseTypeError("other than code", redirect_uri=redirect_uri)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def save_token(self, token: dict[str, Any], request: SmartRequest) -> None:
        now = self.book.clock()
        if request.client is None:
            raise InvalidClientError()
        origin = request.authorization_code or request.refresh_token
        refresh_scope = origin.get_scope() if origin is not None else token["scope"]
        plain = scopes.parse(refresh_scope).plain
        refresh_for = self.lifetimes.offline_refresh if "offline_access" in plain else self.lifetimes.online_refresh
        refresh_ends = now + refresh_for
        if request.refresh_token is not None and "offline_access" not in plain:
            refresh_ends = request.refresh_token.refresh_expires_at
        self.book.add_token(
            Token(
                access_token=token["access_token"],
                refresh_token=token.get("refresh_token"),
                client_id=request.client.client_id,
                scope=token["scope"],
                refresh_scope=refresh_scope,
                user=origin.user if origin is not None else None,
                context=origin.context if origin is not None else LaunchContext(),
                family=origin.family if origin is not None else secrets.token_urlsafe(12),
                issued_at=now,
                access_expires_at=now + token["expires_in"],
                refresh_expires_at=refresh_ends,
            )
        )

    @staticmethod
    def _bearer(expires_in: int) -> BearerTokenGenerator:
        def random_token(**_: Any) -> str:
            return secrets.token_urlsafe(32)

        return BearerTokenGenerator(random_token, random_token, expires_in)
