"""`fhir-plugin keys`: the keys by which EHRs know us, those that sign our statements, and the master key."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fhir_plugin.commands.answers import json_option, mendable, open_installation, operator, say, state_option
from fhir_plugin.errors import Refused

if TYPE_CHECKING:
    from fhir_plugin.adapters.client_keys import DatabaseClientKeys
    from fhir_plugin.adapters.key_lives import KeptKey
    from fhir_plugin.adapters.keys import MasterKeys
    from fhir_plugin.adapters.signing import DatabaseStatementSigner
    from fhir_plugin.installation import Installation

STATEMENTS = "statements"

_algorithm_option = click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    type=click.Choice(["ES384", "RS384"]),
    help="Only the client keys of this algorithm.",
)
_at_once_option = click.option(
    "--at-once",
    is_flag=True,
    help="Do not wait until the next key has been published for a day: EHRs that remember our keys refuse us then.",
)


_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_\-]{43}")


class _OfAKey(click.Command):
    """Takes a KID. One in sixty-four begins with a hyphen (RFC 7638), and is no option for that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        kids = [each for each in args if _THUMBPRINT.fullmatch(each)] if "--" not in args else []
        return super().parse_args(ctx, [*(each for each in args if each not in kids), "--", *kids] if kids else args)


@click.group()
def keys() -> None:
    """The app's keys: list them, rotate them, revoke one that others may know."""


@dataclass
class _Opened:
    """An installation with the parts that these commands turn."""

    installation: Installation
    masters: MasterKeys
    clients: DatabaseClientKeys
    signer: DatabaseStatementSigner

    def note(self, action: str, subject: str | None, detail: Mapping[str, str | int | bool]) -> None:
        """One audit entry, in the same transaction as the change."""
        from fhir_plugin.ports import AuditEntry

        by = {"operator": operator(), **detail}
        self.installation.audit.append(AuditEntry(action=action, actor="system", subject=subject, detail=by))


@contextlib.contextmanager
def _opened(state: Path | None, *, as_json: bool) -> Iterator[_Opened]:
    from fhir_plugin.adapters.signing import DatabaseStatementSigner

    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            database, clock = installation.database, installation.clock
            masters = installation.masters
            signer = DatabaseStatementSigner(database, masters, clock)
            yield _Opened(installation, masters, installation.client_keys, signer)
        finally:
            installation.close()


@keys.command("list")
@_algorithm_option
@click.option("--statements", is_flag=True, help="Only the keys that sign statements.")
@state_option
@json_option
def list_keys(algorithms: tuple[str, ...], statements: bool, state: Path | None, as_json: bool) -> None:
    """Every key: whose it is, where it is in its life, and since when. Never a private part."""
    with _opened(state, as_json=as_json) as opened:
        found = [
            _as_row("client", algorithm, key)
            for algorithm, line in opened.clients.by_algorithm().items()
            for key in line
        ]
        found += [_fixed_row(kid, algorithm) for kid, algorithm in sorted(opened.clients.fixed.items())]
        found += [_as_row(STATEMENTS, "ES384", key) for key in opened.signer.every_key()]
    if statements or algorithms:
        found = [
            row
            for row in found
            if (statements and row["use"] == STATEMENTS) or (row["use"] == "client" and row["algorithm"] in algorithms)
        ]
    columns = ("use", "algorithm", "state", "since", "kid")
    lines = [[_shown(row[name]) for name in columns] for row in found]
    wide = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
    text = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, wide, strict=True)).rstrip()
        for line in [list(columns), *lines]
    )
    say({"keys": found}, as_json=as_json, text=text)


def _shown(value: str | None) -> str:
    """An instant to the minute, in UTC; anything else as it is."""
    instant = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*", value or "")
    return f"{instant[1]} {instant[2]} UTC" if instant else value or ""


def _as_row(use: str, algorithm: str, key: KeptKey) -> dict[str, Any]:
    return {
        "use": use,
        "algorithm": algorithm,
        "state": key.state.value,
        "kid": key.kid,
        "created": key.created.isoformat(),
        "since": key.changed.isoformat(),
    }


def _fixed_row(kid: str, algorithm: str) -> dict[str, Any]:
    return {"use": "client", "algorithm": algorithm, "state": "file", "kid": kid, "created": None, "since": None}


@keys.command()
@_algorithm_option
@click.option("--statements", is_flag=True, help="The keys that sign statements (alone, unless --algorithm is given).")
@_at_once_option
@state_option
@json_option
def rotate(algorithms: tuple[str, ...], statements: bool, at_once: bool, state: Path | None, as_json: bool) -> None:
    """The next key becomes the current one, and a new next key is published. All that was asked for, or nothing."""
    from fhir_plugin.adapters.client_keys import ALGORITHMS, PUBLISHED_BEFORE_USE
    from fhir_plugin.adapters.key_lives import AT_ONCE

    lines = [each for each in ALGORITHMS if each in algorithms or not (algorithms or statements)]
    rotated: list[dict[str, str]] = []
    with _opened(state, as_json=as_json) as opened, opened.installation.database.transaction():
        for algorithm in lines:
            rotated.append(
                {"use": "client", "algorithm": algorithm, "kid": opened.clients.rotate(algorithm, at_once=at_once)}
            )
        if statements:
            kid = opened.signer.rotate(published_for=AT_ONCE if at_once else PUBLISHED_BEFORE_USE)
            rotated.append({"use": STATEMENTS, "algorithm": "ES384", "kid": kid})
        for each in rotated:
            named = {"use": each["use"], "algorithm": each["algorithm"]}
            opened.note("keys.rotated", each["kid"], {**named, "at_once": at_once})
    text = "\n".join(f"{each['use']} {each['algorithm']}: now signs with {each['kid']}" for each in rotated)
    say({"rotated": rotated}, as_json=as_json, text=text)


@keys.command(cls=_OfAKey)
@click.argument("kid")
@click.option("--statements", is_flag=True, help="It is a key that signs statements: what it signed verifies no more.")
@state_option
@json_option
def revoke(kid: str, statements: bool, state: Path | None, as_json: bool) -> None:
    """Takes the key KID out of use at once; one in use is replaced. Tell the EHRs that remember our keys."""
    with _opened(state, as_json=as_json) as opened:
        if kid in opened.clients.fixed:
            raise Refused(
                "That key is a file in the secrets folder: take the file away there, and tell the EHRs that have it.",
                code="key-in-a-file",
            )
        if not statements and kid in {key.kid for key in opened.signer.every_key()}:
            raise Refused(
                "That key signs statements. Say --statements if nothing that it signed shall verify from now on.",
                code="signs-statements",
            )
        with opened.installation.database.transaction():
            if statements:
                opened.signer.revoke(kid)
                use, algorithm = STATEMENTS, "ES384"
            else:
                use, algorithm = "client", opened.clients.revoke(kid)
            opened.note("keys.revoked", kid, {"use": use, "algorithm": algorithm})
    value = {"revoked": {"use": use, "algorithm": algorithm, "kid": kid}}
    say(value, as_json=as_json, text=f"{use} {algorithm}: {kid} is revoked.")


@keys.command("rotate-master")
@click.option("--new-key", is_flag=True, help="First put a fresh key before those in the key file, and stop there.")
@click.option("--forget-old", is_flag=True, help="Afterwards keep only the current key in the key file.")
@state_option
@json_option
def rotate_master(new_key: bool, forget_old: bool, state: Path | None, as_json: bool) -> None:
    """Seals everything again under the current master key. Safe to interrupt, and to repeat.

    \b
    The order:
      1. keys rotate-master --new-key     (or put a new key first in FHIR_PLUGIN_MASTER_KEY)
      2. restart every worker and server
      3. keys rotate-master --forget-old  (or without it, and take the old key out of the settings)
    """
    from fhir_plugin.adapters.keys import MasterKeys
    from fhir_plugin.adapters.rotation import rotate_master as seal_again

    if new_key and forget_old:
        raise click.UsageError("Between --new-key and --forget-old every worker has to be restarted: one at a time.")
    counts: dict[str, int] = {}
    with _opened(state, as_json=as_json) as opened:
        settings = opened.installation.settings
        file = settings.state / "master.key"
        if (new_key or forget_old) and settings.master_key.get_secret_value():
            raise Refused(
                "The master key comes from the setting FHIR_PLUGIN_MASTER_KEY: change it there.",
                code="master-key-in-settings",
            )
        current = opened.masters.current_id
        if new_key:
            current = MasterKeys.add_to_file(file).current_id
            opened.note("master-key.added", current, {})
        else:
            counts = seal_again(
                opened.installation.database, opened.masters, opened.installation.clock, settings.state / "vault"
            )
            if forget_old:
                MasterKeys.forget_old(file)
            opened.note("master-key.rotated", current, {"sealed": sum(counts.values()), "forgot_old": forget_old})
    if new_key:
        text = "A new master key is in the key file. Restart every worker and server, then seal everything again."
    else:
        text = "\n".join(f"{count:>6}  {what}" for what, count in counts.items())
        text += f"\n{sum(counts.values()):>6}  sealed again in all"
    say({"master": current, "sealed_again": counts, "forgot_old": forget_old}, as_json=as_json, text=text)
