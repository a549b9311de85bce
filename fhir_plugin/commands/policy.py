"""`fhir-plugin policy`: look at policy packs, compare them, and check one before it comes into force."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    DONE,
    SOMEBODY_MUST_LOOK,
    json_option,
    mendable,
    say,
    settings_of,
    state_option,
)
from fhir_plugin.commands.policy_coverage import coverage
from fhir_plugin.commands.policy_explain import explain
from fhir_plugin.commands.policy_meant import is_file, kept_packs, pack_meant

if TYPE_CHECKING:
    from fhir_plugin.installation import Installation
    from fhir_plugin.policy.contents import PolicyPack, Said
    from fhir_plugin.policy.in_force import KeptPack
    from fhir_plugin.settings import Settings


@click.group()
def policy() -> None:
    """What your organisation decided about pictures: packs, their floors, and what follows from them."""


_on_option = click.option(
    "--on",
    "base",
    help="What an overlay in a file goes on top of; else what the settings name.",
)


@policy.command()
@click.argument("what", required=False)
@_on_option
@state_option
@json_option
def check(what: str | None, base: str | None, state: Path | None, as_json: bool) -> None:
    """Check a pack: a FILE, a NAME such as strict+dermatology, or without either what the settings name.

    Exit 1: it cannot be used; the answer names the key, and the floor. Exit 3: it can, and something waits for a
    person: it is due for review, or your organisation has not said everything that only it can say.
    """
    from fhir_plugin.policy.contents import UnusablePack

    with mendable(as_json=as_json):
        settings = settings_of(state)
        last = _kept(settings)
        today = dt.datetime.now(dt.UTC).date()
        try:
            pack = pack_meant(what, base, settings)
            _not_changed_under_its_version(pack, settings)
        except UnusablePack as error:
            _say_unusable(error, last if what is None else None, today, as_json=as_json)
            sys.exit(CHECK_FAILED)
    own = what is None or is_file(what)
    gaps, notices, first = pack.gaps(today), pack.notices(today), pack.missing_before_patients(today)
    result = {"usable": True, "pack": pack.reference, "notices": list(notices), "gaps": list(gaps)}
    result["before_patients"] = list(first)
    lines = [f"{pack.reference} can be used: complete, and on or above every floor.", *notices]
    if gaps:
        lines += ["Only your organisation can say these, and has not yet:", *(f"  {each}" for each in gaps)]
    if first:
        lines += ["Until these are said, the app does not begin with real patients:", *(f"  {each}" for each in first)]
    say(result, as_json=as_json, text="\n".join(lines))
    sys.exit(SOMEBODY_MUST_LOOK if notices or (own and gaps) else DONE)


@policy.command()
@click.argument("names", nargs=-1)
@_on_option
@state_option
@json_option
def show(names: tuple[str, ...], base: str | None, state: Path | None, as_json: bool) -> None:
    """Every key of a pack: its value, whether that is the default, who says so and why, and the floor under it.

    NAMES: packs that come with the app, one base and overlays (strict dermatology), or a file; without, what is in
    force. An earlier pack that a decision names, as strict/2026.11, is shown as it was.
    """
    with mendable(as_json=as_json):
        settings = settings_of(state)
        pack = pack_meant("+".join(names) or None, base, settings, in_force=True)
    today = dt.datetime.now(dt.UTC).date()
    rows = [_row(said) for said in pack.said]
    result = {
        "pack": pack.reference,
        "title": pack.title,
        "review_by": pack.review_by.isoformat(),
        "notices": list(pack.notices(today)),
        "gaps": list(pack.gaps(today)),
        "sources": [vars(each) for each in pack.sources],
        "keys": rows,
    }
    lines = [f"{pack.reference}: {pack.title}", *pack.notices(today), "", "Sources, cited as document:line"]
    lines += [f"  {each.cited}  {each.title} ({each.date}). {each.note}" for each in pack.sources]
    lines.append("")
    for row in rows:
        lines.append(f"{row['key']} = {_written(row['value'])}{'  (default)' if row['is_default'] else ''}")
        lines.append(f"    {row['says']} ({row['requirement']})")
        if row["layer"]:
            lines.append(f"    {row['layer']}: {row['source']}")
        if row["floor"]:
            lines.append(f"    floor: {row['floor']}")
    say(result, as_json=as_json, text="\n".join(lines))


@policy.command()
@click.argument("one")
@click.argument("other")
@_on_option
@state_option
@json_option
def diff(one: str, other: str, base: str | None, state: Path | None, as_json: bool) -> None:
    """What two packs say differently, key by key. Each is a name, a file, or an earlier pack by id and version."""
    from fhir_plugin.policy.keys import BY_NAME

    with mendable(as_json=as_json):
        settings = settings_of(state)
        first, second = pack_meant(one, base, settings), pack_meant(other, base, settings)
    differences = [
        {
            "key": mine.key,
            "one": _plain(mine.value),
            "other": _plain(yours.value),
            "source_one": mine.reason,
            "source_other": yours.reason,
            "floor": BY_NAME[mine.key].floor,
        }
        for mine, yours in zip(first.said, second.said, strict=True)
        if mine.value != yours.value and not BY_NAME[mine.key].identity
    ]
    lines = [f"{first.reference} and {second.reference}: {len(differences) or 'no'} differences"]
    for each in differences:
        lines += [
            f"{each['key']}",
            f"    {first.id}: {_written(each['one'])}",
            f"        {each['source_one']}",
            f"    {second.id}: {_written(each['other'])}",
            f"        {each['source_other']}",
        ]
    result = {"one": first.reference, "other": second.reference, "differences": differences}
    say(result, as_json=as_json, text="\n".join(lines))


def _kept(settings: Settings) -> KeptPack | None:
    packs = kept_packs(settings)
    return packs.last() if packs else None


def _not_changed_under_its_version(pack: PolicyPack, settings: Settings) -> None:
    from fhir_plugin.policy.in_force import same_version_says_the_same

    if packs := kept_packs(settings):
        same_version_says_the_same(pack, packs.kept(pack.reference))


def _say_unusable(error: Any, last: KeptPack | None, today: dt.date, *, as_json: bool) -> None:
    stays = last.reference if last else None
    result = {"usable": False, "problem": error.message, "in_force": stays, "on": today.isoformat()}
    words = f"It cannot be used: {error.message}"
    if stays:
        words += f"\nIn force is the last good one, {stays}. Every decision and every page says so."
    say(result, as_json=as_json, text=words)


def _row(said: Said) -> dict[str, Any]:
    from fhir_plugin.policy.keys import BY_NAME
    from fhir_plugin.policy.pack import shipped_layer

    key, default = BY_NAME[said.key], shipped_layer("strict").values[said.key]
    return {
        "key": said.key,
        "value": _plain(said.value),
        "default": _plain(default),
        "is_default": said.value == default,
        "says": key.says,
        "requirement": key.source,
        "layer": said.layer,
        "source": said.reason,
        "allowed": key.kind.expected,
        "floor": key.floor,
    }


def _plain(value: object) -> Any:
    """A raw TOML value as JSON can hold it."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.isoformat() if isinstance(value, dt.date) else value


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def said_at_start(installation: Installation) -> list[str]:
    """What whoever starts the app reads about its policy; what is missing only where real patients are (G-R345)."""
    today = installation.clock.now().date()
    pack = installation.policy
    lines, first = list(pack.notices(today)), pack.missing_before_patients(today)
    if any(not issuer.sandbox for issuer in installation.registry) and (gaps := pack.gaps(today)):
        lines.append(
            f"The policy {pack.reference} is not yet your organisation's own: {len(gaps)} things are still to be said. "
            "`fhir-plugin policy check` lists them." + (f" Before real patients: {', '.join(first)}." if first else "")
        )
    return lines


policy.add_command(explain)
policy.add_command(coverage)
