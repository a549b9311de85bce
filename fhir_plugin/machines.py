"""What an installation answers to other systems, joined: their register, their assertions, tokens, the redactor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from fhir_plugin.adapters.backend_clients import BackendClient, read_backend_clients
from fhir_plugin.adapters.client_assertions import AssertionRefused, ClientAssertions, PublishedKeys
from fhir_plugin.adapters.machine_tokens import LIFETIME, Access, MachineTokens, TokenRefused
from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.machines.answer import RedactsForMachines
from fhir_plugin.disclose.machines.order import Caller
from fhir_plugin.errors import NotAllowed
from fhir_plugin.installation import Installation
from fhir_plugin.web.machines.pages import SCOPE, Machines, OAuthRefused
from smart_launch.client_auth import ASSERTION_TYPE

REMEMBERED: Final = dt.timedelta(minutes=15)
"""Longer than any assertion can be good. What tidies the tries at links forgets these, too, and not before that."""


def machines(installation: Installation) -> Machines | None:
    """None where no file of clients is set: then nothing answers. Raises `Unavailable` for a file that is wrong."""
    path = installation.settings.backend_clients_file
    if path is None:
        return None
    rules = shipped_rules()
    clients = read_backend_clients(path, rules)
    base = f"{installation.settings.base_url}/fhir"
    tokens = MachineTokens(installation.masters, installation.clock)
    assertions = ClientAssertions(
        clients,
        PublishedKeys(installation.transport, installation.clock),
        audience=f"{base}/token",
        clock=installation.clock,
        first_time=lambda name: _first_time(installation, name),
    )
    redacts = RedactsForMachines(
        rules=rules,
        work=installation.database,
        audit=installation.audit,
        clock=installation.clock,
        digest=installation.vault.keyed_digest,
    )

    def caller_of(token: str) -> Caller:
        access = tokens.read(token)
        client = clients.get(access.client)
        if client is None:
            raise TokenRefused("The client of this access token is not registered any more.")
        if SCOPE not in access.scopes:
            raise NotAllowed("The access token does not reach this operation.", code="insufficient-scope")
        return client.caller

    return Machines(
        base=base,
        most_bytes=installation.settings.redact_megabytes * 1024 * 1024,
        ask_for_token=lambda form: _token(form, assertions, tokens),
        caller_of=caller_of,
        answer=redacts.answer,
    )


def _token(form: Mapping[str, str], assertions: ClientAssertions, tokens: MachineTokens) -> Mapping[str, Any]:
    """A token for what is asked, of what there is. Raises `OAuthRefused`."""
    if "grant_type" not in form or "scope" not in form:
        raise OAuthRefused("invalid_request", "grant_type and scope are needed.")
    if form["grant_type"] != "client_credentials":
        raise OAuthRefused("unsupported_grant_type", "Only client_credentials is known here.")
    if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
        raise OAuthRefused("invalid_client", "Prove who you are by private_key_jwt.", code="no-assertion")
    try:
        client: BackendClient = assertions.client_of(form["client_assertion"])
    except AssertionRefused as refused:
        raise OAuthRefused("invalid_client", refused.message, code=refused.code) from None
    if form.get("client_id", client.id) != client.id:
        raise OAuthRefused("invalid_client", "The client_id is not the one that signed.", code="client-id")
    granted = frozenset(form["scope"].split()) & {SCOPE}
    if not granted:
        raise OAuthRefused("invalid_scope", f"The scope here is {SCOPE}.")
    return {
        "access_token": tokens.give(Access(client.id, granted)),
        "token_type": "bearer",
        "expires_in": int(LIFETIME.total_seconds()),
        "scope": " ".join(sorted(granted)),
    }


def _first_time(installation: Installation, name: str) -> bool:
    """Durable before a token is given, and the same in every process."""
    now = installation.clock.now()
    who = installation.vault.keyed_digest(f"assertion {name}".encode())
    return installation.request_parts.tries.add(who, now=now, since=now - REMEMBERED) == 1
