"""`fhir-plugin disclose`: a patient's record from a server to a proven package for one recipient, in one go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    SOMEBODY_MUST_LOOK,
    json_option,
    mendable,
    need_apart,
    open_installation,
    operator,
    say,
    state_option,
)
from fhir_plugin.errors import NotFound, Refused

if TYPE_CHECKING:
    from fhir_plugin.installation import Installation
    from fhir_plugin.ports import ClinicalRecord


@click.command()
@click.option("--patient", required=True, metavar="REF", help="Whose record: Patient/id, or the id.")
@click.option("--purpose", required=True, help="Who asks: insurer, patient, court-order, ... or COVERAGE, PATRQT, ...")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The package (ZIP)."
)
@click.option("--issuer", metavar="NAME", help="The EHR, by its name in the registry; with private_key_jwt.")
@click.option("--server", metavar="URL", help="The EHR by its FHIR base, instead of --issuer.")
@click.option("--client-id", help="Our id at --server (SMART Backend Services).")
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Our private key at --server, in PEM."
)
@click.option("--kid", default="", help="The key's id at --server; the file's name without its ending unless said.")
@click.option("--no-auth", is_flag=True, help="--server asks for no token: on this machine only, for trials.")
@click.option("--recipient", default="", help="Who gets it; stands on the cover sheet.")
@click.option(
    "--mode", type=click.Choice(["marked", "silent"]), default="marked", show_default=True, help="Stubs, or no trace."
)
@click.option("--watermark", is_flag=True, help="Burn into each picture for whom it is.")
@click.option("--password-stdin", is_flag=True, help="Encrypt (AES-256) with the password on standard input.")
@click.option("--encrypt", is_flag=True, help="Encrypt with a new password, which is printed once.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where to say what became of each.")
@state_option
@json_option
def disclose(
    patient: str,
    purpose: str,
    output: Path,
    issuer: str | None,
    server: str | None,
    client_id: str | None,
    key: Path | None,
    kid: str,
    no_auth: bool,
    recipient: str,
    mode: str,
    watermark: bool,
    password_stdin: bool,
    encrypt: bool,
    report: Path | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Read a patient's record from a server, decide, redact, pack and prove; the package appears only whole.

    Policy alone decides: what needs a person is left out and listed, and so is what the server did not give. Then this
    exits with 3. Nothing is written to the record; our own audit chain says that it happened.
    """
    from fhir_plugin.adapters.whole_file import whole
    from fhir_plugin.disclose.at_once import WhatIsAsked
    from fhir_plugin.disclose.at_once import disclose as made_at_once
    from fhir_plugin.disclose.package import new_password
    from mappings.model.disclosure import Mode
    from mappings.model.identifiers import PatientId

    if bool(issuer) == bool(server):
        raise click.UsageError("Name the EHR: --issuer or --server, one of them.")
    with_key = bool(client_id), key is not None
    if any(with_key) != all(with_key) or (any(with_key) + no_auth) != bool(server):
        raise click.UsageError("With --server say --client-id and --key, or --no-auth; with --issuer none of them.")
    if password_stdin and encrypt:
        raise click.UsageError("--password-stdin or --encrypt, one of them.")
    password = _password() if password_stdin else new_password() if encrypt else None
    with mendable(as_json=as_json):
        need_apart(report, output)
        asked = WhatIsAsked(
            patient=PatientId(_patient_id(patient)),
            purpose=purpose,
            mode=Mode(mode),
            recipient=recipient,
            by=operator(),
            password=password,
            watermark=watermark,
        )
        installation = open_installation(state)
        try:
            record = _record(installation, issuer, server, client_id, key, kid)
            with made_at_once(installation.desk.parts, record, asked) as made, whole(output) as file:
                for piece in made.package:
                    file.write(piece)
                made.finish()  # written down before it appears
            told = made.report()
        except NotFound:
            raise Refused("The server has no such patient, or does not show them.", code="patient-unknown") from None
        finally:
            installation.close()
        if report is not None:
            with whole(report) as file:
                file.write(json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n")
    summary = {"package": str(output), "sha256": made.package.proven.sha256, **_short(told)}
    if encrypt:
        summary["password"] = password
    say(summary, as_json=as_json, text=_words(summary))
    if made.waiting or made.not_read:
        sys.exit(SOMEBODY_MUST_LOOK)


def _record(
    installation: Installation, name: str | None, server: str | None, client_id: str | None, key: Path | None, kid: str
) -> ClinicalRecord:
    from fhir_plugin.adapters.system_access import SystemAccess, on_this_machine, open_record, with_what_we_keep
    from smart_launch import ClientKey, Issuer, SmartError

    transport, clock = installation.transport, installation.clock
    ours = (installation.database, installation.masters, clock, installation.vault)
    if server and not client_id:
        return with_what_we_keep(open_record(server, transport), *ours)
    try:
        if name is not None:
            issuer = installation.registry.named(name)
            signing = installation.client_keys.key_for(issuer)
        else:
            assert server and client_id and key
            signing = ClientKey.from_pem(key.read_bytes(), kid=kid or key.stem)
            issuer = Issuer(
                name="server",
                iss=server,
                client_id=client_id,
                auth_method="private_key_jwt",
                key_id=signing.kid,
                sandbox=on_this_machine(server),
            )
    except SmartError as error:
        raise Refused(error.message, code=error.code) from None
    ehr = SystemAccess(issuer, signing, transport, clock).record()
    return with_what_we_keep(ehr, *ours)


def _patient_id(text: str) -> str:
    import re

    found = re.fullmatch(r"(?:Patient/)?([A-Za-z0-9.-]{1,64})", text)
    if found is None:
        raise Refused("Name the patient as Patient/id.", code="not-a-patient")
    return found[1]


def _password() -> str:
    said = sys.stdin.readline().rstrip("\r\n")
    if len(said) < 12:
        raise click.UsageError("The password on standard input has fewer than 12 characters.")
    return said


def _short(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("counts", "pictures", "review", "not_read", "requester", "mode")}


def _words(summary: dict[str, Any]) -> str:
    lines = [f"{summary['package']}: {', '.join(f'{number} {name}' for name, number in summary['counts'].items())}"]
    lines += [f"waits for a person: {each['type']}/{each['id']}: {each['reason']}" for each in summary["review"]]
    lines += [f"not read: {what}: {why}" for what, why in summary["not_read"].items()]
    if "password" in summary:
        lines.append(f"password, told once: {summary['password']}")
    return "\n".join(lines)
