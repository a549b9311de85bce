"""`fhir-plugin conformance`: try a FHIR server with one drawn image of one synthetic patient, and say what it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import CHECK_FAILED, json_option, mendable, say

if TYPE_CHECKING:
    from fhir_plugin.conformance.results import CheckResult


@click.group(invoke_without_command=True)
@click.option("--fhir-base", help="The server's FHIR address.")
@click.option("--server", "preset", help="One of the well-known public sandboxes instead; `list` names them.")
@click.option("--open", "is_open", is_flag=True, help="The server asks nobody to sign in.")
@click.option("--token-env", metavar="VAR", help="The environment variable that holds an access token.")
@click.option("--vendor", help="The server's family, where it does not say so itself.")
@click.option("--report-dir", type=click.Path(file_okay=False, path_type=Path), help="Where the report goes.")
@click.option("--patient", help="The id of a synthetic patient there, where nobody can create one.")
@click.option("--keep", is_flag=True, help="Leave on the server what was made.")
@click.option("--ca-bundle", type=click.Path(exists=True, dir_okay=False), help="Trust these authorities (PEM).")
@json_option
@click.pass_context
def conformance(
    context: click.Context,
    fhir_base: str | None,
    preset: str | None,
    is_open: bool,
    token_env: str | None,
    vendor: str | None,
    report_dir: Path | None,
    patient: str | None,
    keep: bool,
    ca_bundle: str | None,
    as_json: bool,
) -> None:
    """Try a FHIR server: file, find, relabel, disclose, hide, delete and purge one drawn image of nobody.

    Ends with 0 when everything works or is rightly unavailable, 1 when the server does not do what it says, 69 when it
    cannot be reached. Only a synthetic patient and a drawing are ever sent.
    """
    if context.invoked_subcommand is not None:
        return
    from fhir_plugin.conformance.presets import presets

    if preset == "list":
        lines = [f"{each.name:<14} {each.fhir_base}  ({each.words})" for each in presets().values()]
        say({each.name: each.fhir_base for each in presets().values()}, as_json=as_json, text="\n".join(lines))
        return
    if (fhir_base is None) == (preset is None):
        raise click.UsageError("Name a server: --fhir-base URL, or --server NAME.")
    if preset is not None:
        if preset not in presets():
            raise click.UsageError(f"No public sandbox is known as {preset}: --server list names them.")
        chosen = presets()[preset]
        fhir_base, vendor, is_open = chosen.fhir_base, vendor or chosen.vendor, is_open or chosen.open
    if is_open == (token_env is not None):
        raise click.UsageError("Say how it is entered: --open, or --token-env VAR.")
    if token_env is not None and not os.environ.get(token_env):
        raise click.UsageError(f"{token_env} is not set.")
    token = os.environ[token_env] if token_env is not None else None
    _run(str(fhir_base).rstrip("/"), token, vendor, report_dir, patient, keep, ca_bundle, as_json)


def _run(
    base: str,
    token: str | None,
    vendor: str | None,
    report_dir: Path | None,
    patient: str | None,
    keep: bool,
    ca_bundle: str | None,
    as_json: bool,
) -> None:
    from urllib.parse import urlsplit

    from fhir_plugin.conformance import files
    from fhir_plugin.conformance.recording import RecordingTransport
    from fhir_plugin.conformance.run import run
    from mappings.model.identifiers import FhirBase

    host = urlsplit(base).hostname or ""
    with mendable(as_json=as_json):
        transport = RecordingTransport(allowed_private_hosts=frozenset({host}), ca_bundle=ca_bundle, total_timeout=120)
        try:
            access = None if token is None else lambda: token
            report = run(transport, FhirBase(base), access, vendor=vendor, patient=patient, keep=keep, progress=_told)
        finally:
            transport.close()
        written = files.write(report, report_dir) if report_dir is not None else ()
    answer: dict[str, Any] = {**files.as_json(report), "files": [str(each) for each in written]}
    counts = ", ".join(f"{number} {verdict.value}" for verdict, number in report.counts().items() if number)
    left = "".join(f"\nleft behind: {each}" for each in report.left_behind)
    where = f"\nreport: {written[0]}" if written else ""
    say(answer, as_json=as_json, text=f"{report.software or base}: {counts}{left}{where}")
    if not report.conforms:
        sys.exit(CHECK_FAILED)


def _told(done: int, of: int, last: CheckResult) -> None:
    from fhir_plugin.conformance.words import SIGNS

    click.echo(f"{done:>3}/{of} {SIGNS[last.verdict]} {last.title}: {last.words}", err=True)


@conformance.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
def compare(reports: tuple[Path, ...], as_json: bool) -> None:
    """Put servers side by side: the folders (or capabilities.json) of two runs or more."""
    from fhir_plugin.conformance.compare import as_markdown, differences, read

    if len(reports) < 2:
        raise click.UsageError("Name two reports or more.")
    with mendable(as_json=as_json):
        found = [read(each) for each in reports]
    names = [(each if each.is_dir() else each.parent).resolve().name for each in reports]
    say({"servers": names, "checks": differences(found)}, as_json=as_json, text=as_markdown(found, names).rstrip())
