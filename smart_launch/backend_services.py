"""Access without a person: client_credentials with a signed assertion (SMART Backend Services, R225 to R268)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from smart_launch.client_auth import ClientKey
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import Misconfigured
from smart_launch.registry import Issuer
from smart_launch.scope import parse_resource_scope, request_scopes
from smart_launch.token import Grant, ask_token_endpoint, read_grant
from smart_launch.transport import Transport

_EXTENSION: Final = re.compile(r"(?:__|[A-Za-z][A-Za-z0-9+.-]*:)\S+")
"""A scope of the server's own, as SMART 2.2 lets it have: a full URI, or two underscores before a name."""


def request_system_grant(
    issuer: Issuer,
    configuration: SmartConfiguration,
    transport: Transport,
    *,
    scopes: Sequence[str],
    key: ClientKey,
    now: datetime,
) -> Grant:
    """Access for the app itself, by `system/...` scopes. There is no refresh: ask again when it has expired.

    Raises `Misconfigured` unless the issuer is registered for `private_key_jwt` (SMART allows nothing else
    here) and every scope is a system one or one of the server's own; `InvalidClient`, `TokenError`,
    `UnusableReply`, `TransportError`.
    """
    if issuer.auth_method != "private_key_jwt":
        raise Misconfigured("Backend services need an issuer registered with private_key_jwt.")
    if not scopes or not all(_is_for_systems(scope) for scope in scopes):
        raise Misconfigured("Backend services ask for system scopes only.")
    requested = request_scopes(
        scopes,
        v2=configuration.speaks_v2_scopes,
        v1=configuration.speaks_v1_scopes,
        ehr_launch=False,
        context=(),
    )
    form = {"grant_type": "client_credentials", "scope": requested}
    answer = ask_token_endpoint(issuer, configuration, transport, form, key=key, now=now)
    return read_grant(answer, issuer, requested=requested, now=now)


def _is_for_systems(scope: str) -> bool:
    known = parse_resource_scope(scope)
    return known.level == "system" if known is not None else _EXTENSION.fullmatch(scope) is not None
