"""`fhir-plugin verify-certificate`: whether a certificate of destruction is as it was signed, and by which key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import CHECK_FAILED, json_option, mendable, say
from fhir_plugin.commands.verify_package import keys_in

if TYPE_CHECKING:
    from fhir_plugin.delete.verify_certificate import Verified


@click.command("verify-certificate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--jwks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public keys of whoever should have signed it (JSON Web Key Set), instead of the keys in the file.",
)
@click.option("--key", "told", help="The key check on the certificate, or as it was read out to you, to compare with.")
@json_option
def verify_certificate(file: Path, jwks: Path | None, told: str | None, as_json: bool) -> None:
    """Check that a certificate of destruction is unchanged and signed. Needs no installation. Exit 1: it is not."""
    from fhir_plugin.delete.verify_certificate import MOST
    from fhir_plugin.delete.verify_certificate import verify_certificate as verify
    from fhir_plugin.disclose.package.manifest import key_check

    with mendable(as_json=as_json):
        keys = keys_in(jwks) if jwks else None
        with file.open("rb") as stream:
            found = verify(stream.read(MOST + 1), keys)
    check = key_check(found.key) if found.key is not None else ""
    as_told = told is None or _bare(told) == _bare(check)
    answer = _as_json(found, check, as_told=as_told, told=told is not None)
    say(answer, as_json=as_json, text=_as_text(answer))
    if not answer["right"]:
        sys.exit(CHECK_FAILED)


def _as_json(found: Verified, check: str, *, as_told: bool, told: bool) -> dict[str, Any]:
    faults = [*found.faults, *([] if as_told else ["the key is not the one that you were told"])]
    trusted = as_told and found.trusted is not False if told else found.trusted
    return {
        "right": not faults,
        "number": found.number,
        "made": found.made,
        "places": list(found.places),
        "not_attested": list(found.not_attested),
        "key": {"kid": found.kid, "check": check, "trusted": trusted},
        "faults": faults,
    }


def _as_text(answer: dict[str, Any]) -> str:
    from fhir_plugin.delete.attest import ATTESTED_PLACES

    if not answer["right"]:
        return "\n".join(["NOT AS IT WAS SIGNED:", *(f"  {each}" for each in answer["faults"])])
    rows = [f"Unchanged: certificate {answer['number']}, made {answer['made']}, {len(answer['places'])} places."]
    left = [ATTESTED_PLACES.get(each, each) for each in answer["not_attested"]]
    rows += [f"Nobody has given their word for: {'; '.join(left)}."] if left else []
    rows.append(f"Signed by the key {answer['key']['check']}")
    if answer["key"]["trusted"] is None:
        rows.append("Whose key that is, this cannot tell: ring whoever gave it to you, on a number that you already")
        rows.append("know, and have them read out their key check. Or say --key or --jwks.")
    else:
        rows.append("That is the key that you gave to compare with.")
    return "\n".join(rows)


def _bare(check: str) -> str:
    """A key check without the gaps that people write."""
    return "".join(check.split()).casefold().replace(":", "").replace("-", "")
