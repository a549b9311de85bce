"""The documents by which clients find the endpoints: SMART configuration, OpenID configuration, JWKS."""

from __future__ import annotations

from typing import Any

from fhir_plugin.sandbox.oauth.assertion import ALGORITHMS
from fhir_plugin.sandbox.oauth.server import SmartServer

_SCOPES = (
    "openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "offline_access",
    "online_access", "patient/*.cruds", "user/*.cruds", "system/*.cruds", "patient/*.*", "user/*.*",
)  # fmt: skip
_CAPABILITIES = (
    "launch-ehr", "launch-standalone", "authorize-post", "client-public", "client-confidential-symmetric",
    "client-confidential-asymmetric", "sso-openid-connect", "context-banner", "context-style",
    "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
    "context-standalone-encounter", "permission-offline", "permission-online", "permission-patient",
    "permission-user", "permission-v1", "permission-v2",
)  # fmt: skip
_AUTH_METHODS = ("client_secret_basic", "private_key_jwt")


def smart_configuration(server: SmartServer) -> dict[str, Any]:
    """`{fhirBase}/.well-known/smart-configuration` (SMART App Launch 2.2, "Conformance")."""
    return {
        **_endpoints(server),
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": list(_AUTH_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": list(_SCOPES if server.scopes_supported is None else server.scopes_supported),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "capabilities": [each for each in _CAPABILITIES if server.capabilities is None or each in server.capabilities],
    }


def openid_configuration(server: SmartServer) -> dict[str, Any]:
    """`{issuer}/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 3)."""
    return {
        **_endpoints(server),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["none", *_AUTH_METHODS],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": list(_SCOPES),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "profile", "name"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def public_keys(server: SmartServer) -> dict[str, Any]:
    """The JWKS with which id_tokens are verified. Public parts only."""
    return {"keys": [dict(server.signing_key.as_dict(private=False))]}


def _endpoints(server: SmartServer) -> dict[str, Any]:
    oauth = f"{server.base_url}/oauth"
    return {
        "issuer": server.issuer,
        "jwks_uri": f"{oauth}/jwks",
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": server.token_url,
        "introspection_endpoint": f"{oauth}/introspect",
        "revocation_endpoint": f"{oauth}/revoke",
    }
