"""`fhir-plugin conformance`: try a FHIR server with one drawn image of one synthetic patient, and say what it does."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    UNAVAILABLE,
    json_option,
    mendable,
    open_installation,
    say,
    state_option,
)
from fhir_plugin.errors import Refused

if TYPE_CHECKING:
    from fhir_plugin.conformance.results import CheckResult
    from fhir_plugin.conformance.signing_in import Access
    from fhir_plugin.installation import Installation


@click.group(invoke_without_command=True)
@click.option("--fhir-base", help="The server's FHIR address.")
@click.option("--server", "preset", help="One of the well-known public sandboxes instead; `list` names them.")
@click.option("--open", "is_open", is_flag=True, help="The server asks nobody to sign in.")
@click.option("--token-env", metavar="VAR", help="The environment variable that holds an access token.")
@click.option("--issuer", metavar="NAME", help="A registered EHR, for trials: enter as registered there.")
@click.option("--sign-in", is_flag=True, help="With --issuer: have a person sign in, not this app itself.")
@click.option("--redirect-uri", help="With --issuer: where their browser comes back to, as the EHR knows it.")
@click.option("--vendor", help="The server's family, where it does not say so itself.")
@click.option("--report-dir", type=click.Path(file_okay=False, path_type=Path), help="Where the report goes.")
@click.option("--patient", help="The id of a synthetic patient there, where nobody can create one.")
@click.option("--keep", is_flag=True, help="Leave on the server what was made.")
@click.option("--seconds", type=click.FloatRange(min=1), default=300, show_default=True, help="What it may take.")
@click.option("--ca-bundle", type=click.Path(exists=True, dir_okay=False), help="Trust these authorities (PEM).")
@state_option
@json_option
@click.pass_context
def conformance(
    context: click.Context,
    /,
    fhir_base: str | None,
    preset: str | None,
    is_open: bool,
    token_env: str | None,
    issuer: str | None,
    sign_in: bool,
    redirect_uri: str | None,
    state: Path | None,
    **chosen: Any,
) -> None:
    """Try a FHIR server: file, find, relabel, disclose, hide, delete and purge one drawn image of nobody.

    Ends with 0 when everything works or is rightly unavailable, 1 when the server does not do what it says, 69 when it
    cannot be reached or not everything could be tried. Only a synthetic patient and a drawing are ever sent.
    """
    if context.invoked_subcommand is not None:
        return
    from fhir_plugin.conformance.presets import presets

    asked = _Asked(**chosen)
    if preset == "list":
        lines = [f"{each.name:<14} {each.fhir_base}  ({each.words})" for each in presets().values()]
        named = {each.name: each.fhir_base for each in presets().values()}
        say(named, as_json=asked.as_json, text="\n".join(lines))
        return
    if (preset is not None and (fhir_base or issuer)) or not (fhir_base or preset or issuer):
        raise click.UsageError("Name a server: --fhir-base URL, --server NAME or --issuer NAME.")
    if preset is not None:
        if preset not in presets():
            raise click.UsageError(f"No public sandbox is known as {preset}: --server list names them.")
        if asked.patient is not None:
            raise click.UsageError(
                "Who is on a public sandbox is somebody else's: the run makes its own patient there."
            )
        known = presets()[preset]
        fhir_base, is_open = known.fhir_base, is_open or known.open
        asked = replace(asked, vendor=asked.vendor or known.vendor)
    if [is_open, token_env is not None, issuer is not None].count(True) != 1:
        raise click.UsageError("Say how it is entered: --open, --token-env VAR or --issuer NAME.")
    if issuer is None and (sign_in or redirect_uri):
        raise click.UsageError("Only a registered EHR is signed in at: --issuer NAME.")
    if token_env is not None and not os.environ.get(token_env):
        raise click.UsageError(f"{token_env} is not set.")
    if issuer is not None:
        with mendable(as_json=asked.as_json), _opened(state) as installation:
            base, access, asked = _entered(
                installation, issuer, fhir_base, asked, sign_in=sign_in, redirect_uri=redirect_uri
            )
    else:
        from fhir_plugin.conformance.signing_in import OPEN, by_token

        base, access = str(fhir_base), OPEN if token_env is None else by_token(os.environ[token_env])
    _run(base.rstrip("/"), access, asked)


@dataclass(frozen=True)
class _Asked:
    """What is asked for, whichever server it is."""

    vendor: str | None
    report_dir: Path | None
    patient: str | None
    keep: bool
    seconds: float
    ca_bundle: str | None
    as_json: bool


@contextlib.contextmanager
def _opened(state: Path | None) -> Iterator[Installation]:
    installation = open_installation(state)
    try:
        yield installation
    finally:
        installation.close()


def _entered(
    installation: Installation,
    name: str,
    fhir_base: str | None,
    asked: _Asked,
    *,
    sign_in: bool,
    redirect_uri: str | None,
) -> tuple[str, Access, _Asked]:
    """As this app itself where it is registered for that, else by a person. Raises `Refused`, `Unavailable`."""
    from fhir_plugin.conformance.signing_in import as_the_app, at, redirect_for, signed_in
    from smart_launch import UnknownIssuer

    try:
        entry = installation.registry.named(name)
        if fhir_base is not None and installation.registry.find(fhir_base).name != name:
            raise Refused(f"That is no address of {name}: nothing was sent.", code="other-issuer")
    except UnknownIssuer as error:
        raise Refused(error.message, code=error.code) from None
    entry = at(entry, (fhir_base or entry.fhir_base).rstrip("/"))
    key, transport, clock = installation.client_keys.key_for(entry), installation.transport, installation.clock
    access = None
    if key is not None and not sign_in:
        try:
            access = as_the_app(entry, key, transport, clock)
        except Refused as refused:
            click.echo(f"Not as this app itself. {refused.message}", err=True)
    if access is None:
        access = signed_in(
            entry,
            key,
            transport,
            clock,
            redirect_uri=redirect_uri or redirect_for(installation.settings.base_url),
            tell=lambda address: click.echo(f"Open this address and sign in:\n\n  {address}\n", err=True),
        )
    ours = installation.settings.ca_bundle
    return (
        entry.fhir_base,
        access,
        replace(
            asked,
            vendor=asked.vendor or (entry.vendor if entry.vendor != "unknown" else None),
            ca_bundle=asked.ca_bundle or (str(ours) if ours else None),
        ),
    )


def _run(base: str, access: Access, asked: _Asked) -> None:
    from urllib.parse import urlsplit

    from fhir_plugin.conformance import files
    from fhir_plugin.conformance.recording import RecordingTransport
    from fhir_plugin.conformance.run import run
    from mappings.model.identifiers import FhirBase

    host = frozenset({urlsplit(base).hostname or ""})
    with mendable(as_json=asked.as_json):
        transport = RecordingTransport(allowed_private_hosts=host, ca_bundle=asked.ca_bundle, total_timeout=120)
        try:
            report = run(
                transport,
                FhirBase(base),
                access,
                vendor=asked.vendor,
                patient=asked.patient,
                keep=asked.keep,
                seconds=asked.seconds,
                progress=_told,
            )
        finally:
            transport.close()
        written = files.write(report, asked.report_dir) if asked.report_dir is not None else ()
    answer: dict[str, Any] = {**files.as_json(report), "files": [str(each) for each in written]}
    counts = ", ".join(f"{number} {verdict.value}" for verdict, number in report.counts().items() if number)
    cut = f"\nnot everything was tried: {report.cut_short}" if report.cut_short else ""
    left = "".join(f"\nleft behind: {each}" for each in report.left_behind)
    where = f"\nreport: {written[0]}" if written else ""
    say(answer, as_json=asked.as_json, text=f"{report.software or base}: {counts}{cut}{left}{where}")
    if not report.conforms:
        sys.exit(CHECK_FAILED)
    if report.cut_short:
        sys.exit(UNAVAILABLE)


def _told(done: int, of: int, last: CheckResult) -> None:
    from fhir_plugin.conformance.words import SIGNS

    click.echo(f"{done:>3}/{of} {SIGNS[last.verdict]} {last.title}: {last.words}", err=True)


@conformance.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--different", is_flag=True, help="Only the checks that did not end alike everywhere.")
@json_option
def compare(reports: tuple[Path, ...], different: bool, as_json: bool) -> None:
    """Put servers side by side: the folders (or capabilities.json) of two runs or more."""
    from fhir_plugin.conformance.compare import as_markdown, differences, read

    if len(reports) < 2:
        raise click.UsageError("Name two reports or more.")
    with mendable(as_json=as_json):
        found = [read(each) for each in reports]
    names = [(each if each.is_dir() else each.parent).resolve().name for each in reports]
    rows = [row for row in differences(found) if not (different and row["alike"])]
    ways = [(each.get("way") or {}).get("rung") for each in found]
    text = as_markdown(found, names, only_different=different).rstrip()
    say({"servers": names, "ways": ways, "checks": rows}, as_json=as_json, text=text)
