"""`fhir-plugin capability`: what an EHR can do for this app, and why not more, without writing anything to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fhir_plugin.commands.answers import json_option, mendable, open_installation, say, state_option
from fhir_plugin.errors import PluginError, Refused

if TYPE_CHECKING:
    from fhir_plugin.capability import Capability, Discovery
    from fhir_plugin.capture.this_ehr import ThisEhr
    from fhir_plugin.ports import ServerLimits
    from smart_launch import Transport


@click.command()
@click.option("--fhir-base", help="The server's FHIR address.")
@click.option("--issuer", "name", help="A registered EHR instead, by its name.")
@click.option("--vendor", default="", help="The server's family, where it does not say so itself.")
@click.option("--no-encounter", is_flag=True, help="As for an app that was opened outside an encounter.")
@click.option("--forget-limit", is_flag=True, help="With --issuer: forget what it once refused as too large.")
@click.option("--ca-bundle", type=click.Path(exists=True, dir_okay=False), help="Trust these authorities (PEM).")
@state_option
@json_option
def capability(
    fhir_base: str | None,
    name: str | None,
    vendor: str,
    no_encounter: bool,
    forget_limit: bool,
    ca_bundle: str | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Say what an EHR can do: what its chart gets, what this app keeps, and why not better.

    Reads its CapabilityStatement and SMART configuration without signing in; nothing is ever written. What a launch is
    granted may be less: the page *What this EHR can do* shows that.
    """
    if (fhir_base is None) == (name is None):
        raise click.UsageError("Name a server: --fhir-base URL, or --issuer NAME.")
    if forget_limit and name is None:
        raise click.UsageError("--forget-limit goes with --issuer.")
    from fhir_plugin.adapters.vendor_files import vendor_names

    if vendor and vendor not in vendor_names():
        raise click.BadParameter("there are: " + ", ".join(vendor_names()), param_hint="--vendor")
    with mendable(as_json=as_json):
        if name is not None:
            found = _of_issuer(name, vendor, state, forget_limit=forget_limit, encounter=not no_encounter)
        else:
            found = _of_base(str(fhir_base).rstrip("/"), vendor, ca_bundle, encounter=not no_encounter)
    say(as_record(found), as_json=as_json, text="\n".join(lines(found)))


def _of_base(base: str, vendor: str, ca_bundle: str | None, *, encounter: bool) -> ThisEhr:
    from fhir_plugin.capture.this_ehr import this_ehr
    from fhir_plugin.policy.pack import shipped_pack
    from smart_launch import Transport

    host = urlsplit(base).hostname or ""
    transport = Transport(allowed_private_hosts=frozenset({host}), ca_bundle=ca_bundle)
    try:
        found = look(transport, base, vendor=vendor)
    finally:
        transport.close()
    return this_ehr(found, shipped_pack(), encounter=encounter)


def _of_issuer(name: str, vendor: str, state: Path | None, *, forget_limit: bool, encounter: bool) -> ThisEhr:
    from fhir_plugin.adapters.server_limits import DatabaseServerLimits
    from fhir_plugin.capture.this_ehr import this_ehr
    from mappings.model.identifiers import FhirBase
    from smart_launch import UnknownIssuer
    from smart_launch.scope import GrantedScopes

    installation = open_installation(state)
    try:
        try:
            entry = installation.registry.named(name)
        except UnknownIssuer:
            raise Refused("No EHR of that name is registered.", code="issuer-unknown") from None
        limits = DatabaseServerLimits(installation.database, installation.clock)
        if forget_limit:
            limits.forget(FhirBase(entry.fhir_base))
        asked = GrantedScopes.parse(" ".join(entry.scopes))
        found = look(
            installation.transport,
            entry.fhir_base,
            vendor=vendor or ("" if entry.vendor == "unknown" else entry.vendor),
            granted=asked.allows,
            limits=limits,
        )
        return this_ehr(found, installation.policy, encounter=encounter)
    finally:
        installation.close()


def look(
    transport: Transport,
    base: str,
    *,
    vendor: str = "",
    granted: Callable[[str, str], bool] = lambda _type, _interaction: True,
    limits: ServerLimits | None = None,
) -> Capability:
    """What a server says to anybody. Raises what reading from it raises."""
    from fhir_plugin.adapters.fhir_record import FhirServerRecord
    from mappings.model.identifiers import FhirBase

    record = FhirServerRecord(
        transport,
        FhirBase(base),
        granted=granted,
        vendor=vendor or None,
        limits=limits,
        discover=lambda: _discovered(transport, base),
    )
    return record.capability()


def _discovered(transport: Transport, base: str) -> Discovery | None:
    """The SMART configuration's two lists; None where it publishes none that can be read."""
    from fhir_plugin.capability import Discovery
    from smart_launch import SmartError
    from smart_launch.discovery import fetch_document
    from smart_launch.urls import well_known

    try:
        document = fetch_document(transport, well_known(base, "smart-configuration"), "SMART configuration")
    except (SmartError, PluginError):
        return None

    def texts(name: str) -> frozenset[str]:
        value = document.get(name)
        return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()

    return Discovery(texts("capabilities"), texts("scopes_supported"))


def as_record(found: ThisEhr) -> dict[str, Any]:
    """JSON-ready; the names of its fields, and of each type its interactions by FHIR's words."""
    from fhir_plugin.capture.this_ehr import INTERACTIONS

    value = asdict(found)
    for row, each in zip(found.rows, value["rows"], strict=True):
        del each["cells"]
        each["interactions"] = {what: cell.value for what, cell in zip(INTERACTIONS, row.cells, strict=True)}
    return value


def lines(found: ThisEhr) -> Iterator[str]:
    """The same for people."""
    yield f"{found.software or 'A server without a name'}, FHIR {found.fhir_version}; treated as {found.family}."
    for case in found.cases:
        yield ""
        yield f"{case.what} ({case.forecast.rung.value}):"
        yield f"  {case.forecast.sentence}"
        yield from (f"  - {each}" for each in case.forecast.why_not)
    yield ""
    yield f"Kept by this app: {', '.join(found.kept_beside) or 'nothing'}."
    yield found.removal
    if found.contradictions:
        yield ""
        yield "What does not agree:"
        yield from (f"  - {each}" for each in found.contradictions)
    yield ""
    yield from _table(found)
    yield ""
    types = "not known" if found.document_types is None else ", ".join(found.document_types) or "none"
    yield f"Documents: {types}. Every one needs: {', '.join(found.document_needs) or 'nothing more'}."
    yield f"Largest request: {_size(found.body_limit)}; largest document: {_size(found.document_limit)}."
    if found.learnt_limit is not None:
        yield f"It refused a request of {_size(found.learnt_limit)} as too large; after 30 days it is tried again."
    if found.learnt_types:
        yield f"It refused files of these kinds: {', '.join(found.learnt_types)}; after 30 days they are tried again."
    if found.known:
        yield ""
        yield f"Known of {found.family}:"
        yield from (f"  - {each.what}: {each.value} ({each.source.value}: {each.reason})" for each in found.known)


def _table(found: ThisEhr) -> Iterator[str]:
    from fhir_plugin.capture.this_ehr import INTERACTIONS

    heads = ["type", "new ones go to", *INTERACTIONS]
    rows = [[row.resource_type, row.kept_in, *(cell.value for cell in row.cells)] for row in found.rows]
    widths = [max(len(each) for each in column) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _size(number: int | None) -> str:
    return "not known" if number is None else f"{number} bytes"
