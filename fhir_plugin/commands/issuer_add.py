"""Adding an EHR: look at it, say what was found in plain words, ask, and only then write it down."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import click

from fhir_plugin.adapters.ehr_introduction import (
    Conversation,
    fetch_configuration,
    hosts_named,
    look_around,
    read_strictly,
    shown_host,
)
from fhir_plugin.adapters.issuers_file import IssuersFile, Setting, entry_text
from fhir_plugin.commands import issuer_words as words
from fhir_plugin.commands.answers import operator
from fhir_plugin.commands.issuer_checks import Verdict, judge
from fhir_plugin.commands.issuer_choice import Wishes, choose
from fhir_plugin.errors import Refused
from fhir_plugin.installation import Installation
from fhir_plugin.ports import AuditEntry
from smart_launch import Issuer, IssuerRegistry, Misconfigured, read_registry
from smart_launch.addresses import is_loopback_name
from smart_launch.urls import host_of


def add_issuer(
    installation: Installation, file: IssuersFile, wishes: Wishes, *, yes: bool, err: bool
) -> dict[str, Any]:
    """Adds the EHR that the administrator means, if they trust what they are shown. `yes`: do not ask; `err`: show
    and ask on standard error.

    Raises `Refused` for an EHR that no launch could work with, or that is not trusted; `Unavailable` for one that
    does not answer. Nothing is written then.
    """
    app, registered = installation.settings, file.read()
    _need_new_and_fit(wishes, registered)
    base, given = wishes.fhir_base, frozenset(wishes.allowed_hosts)
    private = given | {host_of(base)} if wishes.private_network else frozenset()
    conversation = Conversation(private, ca_bundle=app.ca_bundle)
    document = fetch_configuration(base, conversation)
    named = hosts_named(base, document)
    hosts = given or named
    if given and not named <= given:
        others = ", ".join(sorted(map(shown_host, named - given)))
        raise Refused(f"The EHR puts endpoints on hosts that you did not allow: {others}.", code="host-not-allowed")
    stranger = Issuer(name="stranger", iss=base, client_id="-", allowed_hosts=frozenset(hosts), sandbox=True)
    configuration = read_strictly(stranger, document)
    about = look_around(stranger, configuration, conversation, now=installation.clock.now())
    chosen = choose(wishes, about, hosts, {each.name for each in registered})
    entry = _as_registered(chosen)
    # Its key is not asked for: nothing at all is made or written before somebody says yes.
    checks = judge(entry, about, our_key="that rotates", our_algorithm=entry.key_algorithm, base_url=app.base_url)
    secrets = "the secrets folder" if app.secrets is None else str(app.secrets)
    register = words.to_register(chosen, app.base_url, secrets)

    for text in (
        words.found_text(about, base, {*hosts, host_of(base)}),
        words.notable_text(checks),
        words.entry_words(chosen),
        words.prefix_text(wishes.iss) if wishes.prefix else "",
        words.to_register_text(register),
    ):
        if text:
            click.echo(f"{text}\n", err=err)
    if not chosen["client_id"]:
        chosen["client_id"] = _ask_client_id(may_ask=not yes, err=err)
    if chosen["client_secret_ref"]:
        _need_secret(file, str(chosen["client_secret_ref"]))
    if not yes and not _trusts(err=err):
        raise Refused("Nothing was added.", code="not-trusted")
    with installation.database.transaction():
        added = file.add(chosen)
        _note(installation, added)
    return {
        "added": added.name,
        "iss": added.iss,
        "entry": {name: value for name, value in chosen.items() if value not in ("", ())},
        "found": words.found(about),
        "checks": words.checks_record(checks),
        "failed": [each.name for each in checks if each.verdict == Verdict.FAILED],
        "register": register,
    }


def _need_new_and_fit(wishes: Wishes, registered: IssuerRegistry) -> None:
    """What can be said before anybody is asked anything."""
    if (wishes.prefix or wishes.default_role) and not wishes.sandbox:
        message = "Only a sandbox may be matched by its beginning, or give a role to people without one: say --sandbox."
        raise Refused(message, code="sandbox-only")
    if any(each.name == wishes.name or each.fhir_base == wishes.iss for each in registered):
        raise Refused("An EHR of that name, or at that address, is registered already.", code="issuer-known")
    if is_loopback_name(host_of(wishes.url)) and not wishes.sandbox:
        raise Refused("An EHR on this machine is for trials only: say --sandbox.", code="sandbox-only")


def _as_registered(chosen: Mapping[str, Setting]) -> Issuer:
    """The entry as the registry would read it; its secret, and the client id if it has none yet, stand in."""
    text = entry_text({**chosen, "client_id": chosen["client_id"] or "-"})
    try:
        return read_registry(text, secret=lambda _reference: "-").named(str(chosen["name"]))
    except Misconfigured as error:
        raise Refused(error.message, code="issuer-unusable") from None


def _ask_client_id(*, may_ask: bool, err: bool) -> str:
    if may_ask:
        with contextlib.suppress(click.Abort):
            return str(click.prompt("The client id that the EHR gave this app", err=err)).strip()
    message = "Register this app at the EHR as shown, then say its --client-id. Nothing was added."
    raise Refused(message, code="client-id-missing")


def _need_secret(file: IssuersFile, reference: str) -> None:
    if not file.has_secret(reference):
        raise Refused(
            f"Put the client secret that the EHR gave into the file {words.plain(reference)} of the secrets folder "
            "(FHIR_PLUGIN_SECRETS), then come back. Nothing was added.",
            code="secret-missing",
        )


def _trusts(*, err: bool) -> bool:
    try:
        return click.confirm("Trust this EHR and add it?", default=False, err=err)
    except click.Abort:
        return False


def _note(installation: Installation, added: Issuer) -> None:
    detail: dict[str, str | int | bool] = {"operator": operator(), "iss": added.iss, "sandbox": added.sandbox}
    installation.audit.append(AuditEntry("issuer.added", actor="system", subject=added.name, detail=detail))
