"""`fhir-plugin verify-package`: whether a package is whole and unchanged, and by which key it was signed. Anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import CHECK_FAILED, json_option, mendable, say
from fhir_plugin.errors import Refused

if TYPE_CHECKING:
    from fhir_plugin.disclose.package.verify import Verified

_MOST_KEYS = 1 << 20


@click.command("verify-package")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--password-stdin", is_flag=True, help="Read the password of an encrypted package from standard input.")
@click.option(
    "--jwks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public keys of whoever should have signed it (JSON Web Key Set), instead of the key in the package.",
)
@click.option("--key", "told", help="The key check on the cover sheet, or as it was read out to you, to compare with.")
@json_option
def verify_package(file: Path, password_stdin: bool, jwks: Path | None, told: str | None, as_json: bool) -> None:
    """Check that a package is whole, unchanged and signed. Needs no installation. Exit 1: something is wrong."""
    from fhir_plugin.disclose.package.archive import NotOpened
    from fhir_plugin.disclose.package.verify import verify_package as verify

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with mendable(as_json=as_json):
        keys = keys_in(jwks) if jwks else None
        with file.open("rb") as stream:
            try:
                found = verify(stream, password=password, keys=keys, expected_key=told)
            except NotOpened as closed:
                hint = "" if password_stdin else " Use --password-stdin."
                raise Refused(f"{closed.message}{hint}", code=closed.code) from None
    say(_as_json(found), as_json=as_json, text=_as_text(found))
    if not found.whole:
        sys.exit(CHECK_FAILED)


def keys_in(path: Path) -> list[Any]:
    """The keys of a JSON Web Key Set in a file. Raises `Refused` (`keys`) for anything else."""
    try:
        said = json.loads(path.read_bytes()[:_MOST_KEYS])
    except (ValueError, RecursionError):
        raise Refused("The file with the keys is not JSON.", code="keys") from None
    keys = said.get("keys", [said]) if isinstance(said, dict) else said
    if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys):
        raise Refused("The file with the keys is not a JSON Web Key Set.", code="keys")
    return keys


def _as_json(found: Verified) -> dict[str, Any]:
    return {
        "whole": found.whole,
        "package": found.package,
        "made": found.made,
        "files": found.files,
        "bytes": found.bytes,
        "encrypted": found.encrypted,
        "key": {"kid": found.kid, "check": found.key_check, "trusted": found.trusted},
        "faults": [{"code": each.code, "file": each.where, "message": each.message} for each in found.faults],
    }


def _as_text(found: Verified) -> str:
    if not found.whole:
        rows = [f"  {each.where or 'The package'} {each.message}." for each in found.faults]
        return "\n".join(["NOT AS IT WAS SIGNED:", *rows])
    rows = [f"Whole and unchanged: package {found.package}, made {found.made}, {found.files} files."]
    rows += [f"Signed by the key {found.key_check}"]
    if found.trusted is None:
        rows += [
            "Whose key that is, this cannot tell, nor can the cover sheet, which came with it: ring whoever sent it,"
        ]
        rows += ["on a number that you already know, and have them read out their key check. Or say --key or --jwks."]
    else:
        rows += ["That is the key that you gave to compare with."]
    return "\n".join(rows)
