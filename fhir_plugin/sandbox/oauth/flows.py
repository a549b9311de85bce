"""The grants of the authorization server: Authlib's, made as strict as SMART App Launch 2.2 asks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import (
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core.grants import OpenIDCode
from joserfc.jwk import RSAKey

from fhir_plugin.sandbox.oauth import scopes
from fhir_plugin.sandbox.oauth.clients import RegisteredClient
from fhir_plugin.sandbox.oauth.context import LaunchContext, LaunchHandle
from fhir_plugin.sandbox.oauth.realm import Realm
from fhir_plugin.sandbox.oauth.tokens import AuthorizationCode, Token

_AUTH_METHODS = ["client_secret_basic", "private_key_jwt", "none"]
_SINGLE = ("aud", "launch", "nonce", "code_challenge", "code_challenge_method")
_REFRESH_SCOPES = frozenset({"offline_access", "online_access"})


@dataclass(frozen=True)
class Approval:
    """What was decided about one authorization request, by the launch handle or on the standalone pages."""

    user: str
    scope: str
    context: LaunchContext
    handle: LaunchHandle | None = None


def settle_scope(requested: str, context: LaunchContext, *, ehr_launch: bool) -> str:
    """The scope that is granted once the context is known.

    Raises InvalidScopeError if nothing of use is left.
    """
    kept = []
    for text in requested.split():
        bare = text.removeprefix(scopes.URI_PREFIX)
        clinical = scopes.parse_clinical(bare)
        if clinical is not None and clinical.level == "patient" and context.patient is None:
            continue
        if (bare in ("launch", "online_access") and not ehr_launch) or (
            bare.startswith("launch/patient") and context.patient is None
        ):
            continue
        if bare.startswith("launch/encounter") and context.encounter is None:
            continue
        kept.append(text)
    if not kept:
        raise InvalidScopeError()
    return " ".join(kept)


class SmartCodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # authlib carries no types
    """The authorization code grant. `request.approval` is set by the endpoint before a code is made."""

    TOKEN_ENDPOINT_AUTH_METHODS = _AUTH_METHODS
    server: Realm

    @staticmethod
    def validate_authorization_redirect_uri(request: OAuth2Request, client: RegisteredClient) -> str:
        """SMART-R34: redirect_uri is required. The message does not repeat it: it may hold anything."""
        redirect_uri = request.payload.redirect_uri
        if not isinstance(redirect_uri, str) or not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError(
                "The redirect_uri is missing or is not registered for this client.",
            )
        return redirect_uri

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        approval: Approval = request.approval
        if approval.handle is not None and not self.server.launches.claim(approval.handle):
            raise InvalidRequestError(
                "This launch was used before. Launch again from the chart.",
                redirect_uri=request.payload.redirect_uri,
            )
        now = self.server.book.clock()
        self.server.book.add_code(
            AuthorizationCode(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                scope=approval.scope,
                user=approval.user,
                context=approval.context,
                family=secrets.token_urlsafe(12),
                nonce=request.payload.data.get("nonce"),
                code_challenge=request.payload.data["code_challenge"],
                code_challenge_method=request.payload.data["code_challenge_method"],
                auth_time=int(now),
                expires_at=now + self.server.lifetimes.code,
            )
        )

    def query_authorization_code(self, code: str, client: RegisteredClient) -> AuthorizationCode | None:
        return self.server.book.find_code(code, client.client_id)

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Nothing to do: the code was used up before its token was made, see `authenticate_user`."""

    def authenticate_user(self, authorization_code: AuthorizationCode) -> str:
        """Claims the code, so that of two requests at the same moment only one gets a token."""
        if not self.server.book.claim_code(authorization_code):
            raise InvalidGrantError("The code was used before.")
        return authorization_code.user

    def generate_token(self, user: str, scope: str, **_: Any) -> dict[str, Any]:
        wants_refresh = bool(_REFRESH_SCOPES & scopes.parse(scope).plain)
        token: dict[str, Any] = super().generate_token(user=user, scope=scope, include_refresh_token=wants_refresh)
        return token

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        status, token, headers = super().create_token_response()
        token.update(self.request.authorization_code.context.as_parameters())
        return status, token, headers


class SmartRequestRules:
    """What SMART asks of an authorization request beyond OAuth: state, aud, PKCE, and a launch that is ours."""

    def __call__(self, grant: SmartCodeGrant) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.check)

    def check(self, grant: SmartCodeGrant, _redirect_uri: str) -> None:
        server, payload = grant.server, grant.request.payload
        for name in _SINGLE:
            if len(payload.datalist.get(name, [])) > 1:
                raise InvalidRequestError(f"Multiple '{name}' in request.")
        if not payload.state:
            raise InvalidRequestError("Missing 'state' in request.")
        if payload.data.get("aud") != server.fhir_base:
            raise InvalidRequestError("The 'aud' must be the base URL of this FHIR server.")
        if not payload.data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge' in request.")
        if payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The 'code_challenge_method' must be S256.")
        launch = payload.data.get("launch")
        if launch is None:
            return
        if server.launches.look_up(launch, grant.request.client.client_id) is None:
            raise InvalidRequestError(
                "The 'launch' is unknown, used or too old. Launch again from the chart.",
            )
        if "launch" not in scopes.parse(grant.request.scope).plain:
            raise InvalidScopeError("An EHR launch must ask for the scope 'launch'.")


class RequiredPkce(CodeChallenge):  # type: ignore[misc]  # authlib carries no types
    """S256 for every app, never plain (SMART-R13)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)


class SmartIdToken(OpenIDCode):  # type: ignore[misc]  # authlib carries no types
    """The id_token: RS256, with fhirUser when it was granted, and the nonce if one was sent."""

    def __init__(self, server: Realm) -> None:
        super().__init__(require_nonce=False)
        self._server = server

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False

    def resolve_client_private_key(self, client: RegisteredClient) -> RSAKey:
        return self._server.signing_key

    def get_client_algorithm(self, client: RegisteredClient) -> str:
        return "RS256"

    def get_encode_header(self, client: RegisteredClient) -> dict[str, str]:
        return {"alg": "RS256", "typ": "JWT", "kid": self._server.signing_key.kid or ""}

    def get_client_claims(self, client: RegisteredClient) -> dict[str, Any]:
        now = int(self._server.book.clock())
        return {
            "iss": self._server.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + self._server.lifetimes.access_token,
        }

    def generate_user_info(self, user: str, scope: str) -> Mapping[str, Any]:
        claims: dict[str, Any] = {"sub": user}
        granted = scopes.parse(scope).plain
        if "fhirUser" in granted:
            claims["fhirUser"] = self._server.fhir_user_url(user)
        if "profile" in granted:
            claims["profile"] = self._server.fhir_user_url(user)
            claims["name"] = self._server.users[user].name
        return claims


class SmartRefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # authlib carries no types
    """Refresh with rotation: every refresh token works once, and the second use ends the whole family."""

    TOKEN_ENDPOINT_AUTH_METHODS = _AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: Realm

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        return self.server.book.find_refresh(refresh_token, self.request.client.client_id)

    def authenticate_user(self, refresh_token: Token) -> str | None:
        """Claims the refresh token first: of two requests at the same moment, one is a replay."""
        if not self.server.book.claim_refresh(refresh_token):
            raise InvalidGrantError("The refresh token was used before.")
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: Token) -> None:
        """The old access token ends with its refresh token, as strict servers do."""
        self.server.book.revoke_access(refresh_token)

    def create_token_response(self) -> tuple[int, dict[str, Any], Any]:
        status, token, headers = super().create_token_response()
        token.update(self.request.refresh_token.context.as_parameters())
        return status, token, headers


class BackendGrant(ClientCredentialsGrant):  # type: ignore[misc]  # authlib carries no types
    """SMART backend services: system/ scopes, five minutes, no refresh token (SMART-R225 to R268)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt",)
    server: Realm


class SmartIntrospection(IntrospectionEndpoint):  # type: ignore[misc]  # authlib carries no types
    """RFC 7662, for the tokens of the client that asks."""

    CLIENT_AUTH_METHODS = _AUTH_METHODS
    server: Realm

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return self.server.book.find_any(token_string)

    def check_permission(self, token: Token, client: RegisteredClient, request: OAuth2Request) -> bool:
        return token.check_client(client)

    def create_endpoint_response(self, request: OAuth2Request) -> tuple[int, dict[str, Any], Any]:
        client = self.authenticate_endpoint_client(request)
        token = self.authenticate_token(request, client)
        if token is None:
            return 200, {"active": False}, [("Content-Type", "application/json")]
        claims: dict[str, Any] = {"iss": self.server.issuer}
        if token.user is not None:
            claims |= {"sub": token.user}
            if "fhirUser" in scopes.parse(token.scope).plain:
                claims["fhirUser"] = self.server.fhir_user_url(token.user)
        body = self.server.book.introspect(request.form["token"], token, claims)
        return 200, body, [("Content-Type", "application/json")]


class SmartRevocation(RevocationEndpoint):  # type: ignore[misc]  # authlib carries no types
    """RFC 7009: a refresh token takes its whole family with it, an access token goes alone."""

    CLIENT_AUTH_METHODS = _AUTH_METHODS
    server: Realm

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return self.server.book.find_any(token_string)

    def revoke_token(self, token: Token, request: OAuth2Request) -> None:
        if request.form["token"] == token.refresh_token:
            self.server.book.revoke_family(token.family)
        else:
            self.server.book.revoke_access(token)
