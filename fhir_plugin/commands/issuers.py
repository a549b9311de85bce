"""`fhir-plugin issuer`: the EHRs that may launch this app. Nobody is trusted before somebody has read and said yes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    DONE,
    SOMEBODY_MUST_LOOK,
    json_option,
    mendable,
    open_installation,
    say,
    state_option,
)
from fhir_plugin.commands.roles import ROLES
from fhir_plugin.errors import Refused

if TYPE_CHECKING:
    from fhir_plugin.adapters.issuers_file import IssuersFile
    from fhir_plugin.installation import Installation

_NONE = "No EHR is registered: fhir-plugin issuer add URL"


@click.group()
def issuer() -> None:
    """The EHRs that may launch this app: look at one and add it, list them, check them."""


@contextlib.contextmanager
def _opened(state: Path | None, *, as_json: bool) -> Iterator[tuple[Installation, IssuersFile]]:
    from fhir_plugin.adapters.issuers_file import IssuersFile
    from fhir_plugin.adapters.secrets_folder import SecretsFolder

    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            settings = installation.settings
            yield installation, IssuersFile(settings.issuers, secret=SecretsFolder(settings.secrets).secret)
        finally:
            installation.close()


def _wish_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option("--name", default="", help="Short name: lower-case letters, digits, hyphens. Else from its host."),
        click.option("--client-id", default="", help="The client id that the EHR gave this app."),
        click.option(
            "--auth-method",
            type=click.Choice(["private_key_jwt", "client_secret_basic", "none"]),
            help="How this app proves who it is there. Else the best that the EHR offers.",
        ),
        click.option("--algorithm", type=click.Choice(["ES384", "RS384"]), help="Of private_key_jwt."),
        click.option("--secret-ref", default="", help="File in the secrets folder with the client secret."),
        click.option(
            "--vendor", default="", callback=_known_vendor, help="Server family. Else by the software's name."
        ),
        click.option(
            "--frame-ancestor", "frame_ancestors", multiple=True, help="Origin whose pages may show this app."
        ),
        click.option(
            "--allowed-host",
            "allowed_hosts",
            multiple=True,
            callback=_host_names,
            help="Host where its endpoints may live: these and no other.",
        ),
        click.option("--scope", "scopes", multiple=True, help="What to ask for, instead of what this app needs."),
        click.option(
            "--disclosure-desk",
            is_flag=True,
            help="Disclosure officers work here: a launch address of their own, for the whole record.",
        ),
        click.option("--contact", default="", help="Whom its people ask when they cannot go on; shown to them."),
        click.option("--sandbox", is_flag=True, help="For trials, never real patients."),
        click.option("--prefix", is_flag=True, help="Sandbox only: every address that begins like this one."),
        click.option("--private-network", is_flag=True, help="It is inside your own network."),
        click.option(
            "--default-role", type=click.Choice(ROLES), help="Sandbox only: role of people without one (clinician)."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _host_names(_context: click.Context, _option: click.Parameter, hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not host or not all(character.isalnum() or character in "-." for character in host.strip("[]:")):
            raise click.BadParameter("a host is a name such as login.trust-a.example: no scheme, port or path")
    return tuple(host.lower() for host in hosts)


def _known_vendor(_context: click.Context, _option: click.Parameter, name: str) -> str:
    if name:
        from fhir_plugin.adapters.vendor_files import vendor_names

        if name not in vendor_names():
            raise click.BadParameter("there are: " + ", ".join(vendor_names()))
    return name


@issuer.command()
@click.argument("url")
@_wish_options
@click.option("--yes", is_flag=True, help="Trust it without asking: for scripts.")
@state_option
@json_option
def add(url: str, yes: bool, state: Path | None, as_json: bool, **wishes: Any) -> None:
    """Look at the EHR whose FHIR base is URL, show what it says, and add it if you trust it.

    Without --client-id it shows what to register there, and asks for the id that the EHR gives.
    """
    with _opened(state, as_json=as_json) as (installation, file):
        from fhir_plugin.commands.issuer_add import add_issuer
        from fhir_plugin.commands.issuer_choice import Wishes

        said = Wishes(url, **{option: value for option, value in wishes.items() if value is not None})
        result = add_issuer(installation, file, said, yes=yes, err=as_json)
    text = f"{result['added']} is added. Restart the app and its worker: from then on this EHR may launch it."
    if result["failed"]:
        text += f"\nA launch cannot work yet. Mend first: {', '.join(result['failed'])}."
    say(result, as_json=as_json, text=text)
    sys.exit(SOMEBODY_MUST_LOOK if result["failed"] else DONE)


@issuer.command("list")
@state_option
@json_option
def list_issuers(state: Path | None, as_json: bool) -> None:
    """Every EHR that may launch this app. Never a secret."""
    with _opened(state, as_json=as_json) as (installation, file):
        from fhir_plugin.commands.issuer_check import listed, listed_rows
        from fhir_plugin.commands.issuer_words import rows

        entries = [listed(installation, each) for each in file.read()]
    text = "\n\n".join(f"{each['name']}{' (sandbox)' * each['sandbox']}\n{rows(listed_rows(each))}" for each in entries)
    say({"issuers": entries}, as_json=as_json, text=text or _NONE)


@issuer.command()
@click.argument("name", default="")
@state_option
@json_option
def check(name: str, state: Path | None, as_json: bool) -> None:
    """Ask every registered EHR, or the one called NAME, what it says now. Exit 1: a launch could not work."""
    with _opened(state, as_json=as_json) as (installation, file):
        from fhir_plugin.commands.issuer_check import examine
        from fhir_plugin.commands.issuer_checks import Verdict
        from fhir_plugin.commands.issuer_words import checks_record, checks_text

        asked = [each for each in file.read() if name in ("", each.name)]
        if name and not asked:
            raise Refused("No EHR of that name is registered.", code="issuer-unknown")
        results = [(each.name, examine(installation, each)) for each in asked]
    failed = [each for each, checks in results if any(one.verdict == Verdict.FAILED for one in checks)]
    value = {"issuers": [{"name": each, "checks": checks_record(checks)} for each, checks in results], "failed": failed}
    text = "\n\n".join(f"{each}\n{checks_text(checks)}" for each, checks in results)
    say(value, as_json=as_json, text=text or _NONE)
    sys.exit(CHECK_FAILED if failed else DONE)
