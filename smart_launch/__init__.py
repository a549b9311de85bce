"""A SMART App Launch 2.2 client. It knows OAuth; not web frameworks, not patients; storage is the caller's.

The whole flow::

    client = SmartClient(load_registry(Path("issuers.toml")), redirect_uri="https://app.example/callback")

    departure = client.begin(query_string, browser_secret=cookie)       # GET /launch?iss=...&launch=...
    # set departure.cookie, redirect to departure.url (or submit departure.form)

    launch = client.finish(query_string, browser_secret=cookie)         # GET /callback?code=...&state=...
    launch.context.patient, launch.grant.scopes.allows("Media", "create")
    client.transport.send("GET", url, headers=launch.grant.header_for(url))    # only inside the FHIR base

Everything that can go wrong is a `SmartError`; see `errors` for the tree and for who must act. `SmartClient` is
made of the functions beside it (`discover`, `begin_launch`, `complete`, ...), for apps that need them apart.
"""

from smart_launch.authorize import (
    LaunchRequest,
    PendingLaunch,
    as_form,
    begin_launch,
    binding_of,
    prefers_post,
    read_launch,
)
from smart_launch.backend_services import request_system_grant
from smart_launch.callback import (
    AuthorizationCode,
    CompletedLaunch,
    complete,
    pending_key,
    read_callback,
)
from smart_launch.client import (
    BINDING_COOKIE,
    Departure,
    LaunchStore,
    MemoryLaunchStore,
    SmartClient,
    binding_cookie,
    keys_by_id,
)
from smart_launch.client_auth import ClientKey, client_assertion, public_jwks
from smart_launch.context import ContextItem, FhirUser, LaunchContext, read_context, read_fhir_user
from smart_launch.discovery import ConfigurationCache, SmartConfiguration, discover
from smart_launch.errors import (
    AnswerLost,
    AuthorizationError,
    DiscoveryError,
    IdTokenError,
    InvalidClient,
    InvalidGrant,
    LaunchExpired,
    LaunchRefused,
    Misconfigured,
    NotSent,
    PatientMissing,
    ReplyTooLarge,
    ScopeTooNarrow,
    SmartError,
    StateMismatch,
    TokenError,
    TokenOutOfBounds,
    TransportError,
    UnknownIssuer,
    UnusableReply,
)
from smart_launch.id_token import Identity, IdTokenVerifier
from smart_launch.introspect import TokenState, introspect
from smart_launch.registry import Issuer, IssuerRegistry, load_registry, read_registry
from smart_launch.revoke import revoke
from smart_launch.scope import GrantedScopes, ResourceScope, launch_scope, parse_resource_scope, request_scopes
from smart_launch.style import Colour, SmartStyle, fetch_style, read_style
from smart_launch.token import Grant, exchange, refresh
from smart_launch.transport import Reply, Transport

__all__ = [
    "BINDING_COOKIE",
    "AnswerLost",
    "AuthorizationCode",
    "AuthorizationError",
    "ClientKey",
    "Colour",
    "CompletedLaunch",
    "ConfigurationCache",
    "ContextItem",
    "Departure",
    "DiscoveryError",
    "FhirUser",
    "Grant",
    "GrantedScopes",
    "IdTokenError",
    "IdTokenVerifier",
    "Identity",
    "InvalidClient",
    "InvalidGrant",
    "Issuer",
    "IssuerRegistry",
    "LaunchContext",
    "LaunchExpired",
    "LaunchRefused",
    "LaunchRequest",
    "LaunchStore",
    "MemoryLaunchStore",
    "Misconfigured",
    "NotSent",
    "PatientMissing",
    "PendingLaunch",
    "Reply",
    "ReplyTooLarge",
    "ResourceScope",
    "ScopeTooNarrow",
    "SmartClient",
    "SmartConfiguration",
    "SmartError",
    "SmartStyle",
    "StateMismatch",
    "TokenError",
    "TokenOutOfBounds",
    "TokenState",
    "Transport",
    "TransportError",
    "UnknownIssuer",
    "UnusableReply",
    "as_form",
    "begin_launch",
    "binding_cookie",
    "binding_of",
    "client_assertion",
    "complete",
    "discover",
    "exchange",
    "fetch_style",
    "introspect",
    "keys_by_id",
    "launch_scope",
    "load_registry",
    "parse_resource_scope",
    "pending_key",
    "prefers_post",
    "public_jwks",
    "read_callback",
    "read_context",
    "read_fhir_user",
    "read_launch",
    "read_registry",
    "read_style",
    "refresh",
    "request_scopes",
    "request_system_grant",
    "revoke",
]
