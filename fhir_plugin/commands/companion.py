"""`fhir-plugin companion`: what this app keeps beside charts, and its way into them. Names nobody."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    DONE,
    UNAVAILABLE,
    json_option,
    mendable,
    open_installation,
    operator,
    say,
    state_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fhir_plugin.capture.moving import Kept
    from fhir_plugin.installation import Installation
    from mappings.model.people import ClinicalSession

_WHY = {
    "not-held": "the EHR does not hold this type",
    "ids-of-its-own": "the EHR gives ids of its own, and references to it would break",
    "does-not-fit": "the EHR does not hold images of this size or kind",
}


@click.group()
def companion() -> None:
    """What is kept beside charts that do not take it."""


@companion.command("list")
@state_option
@json_option
def list_kept(state: Path | None, as_json: bool) -> None:
    """How much is kept for each EHR, by type; and, where a launch is live, why it stays. Changes nothing."""
    from fhir_plugin.adapters.companion_kept import counted
    from fhir_plugin.damage import unless_damaged

    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            kept = [
                {"fhir_base": base, "type": kind, "resources": number, "patients": patients}
                for base, kind, number, patients in counted(installation.database)
            ]
            why: dict[tuple[str, str, str], int] = {}
            nothing: list[Kept] = []
            for session in _live(installation):
                for each in unless_damaged("companion", partial(installation.moving.kept, session), nothing):
                    key = (str(session.fhir_base), each.reference.split("/")[0], each.why or "can-go")
                    why[key] = why.get(key, 0) + 1
            asked = [
                {"fhir_base": base, "type": kind, "stays_because": code, "resources": number}
                for (base, kind, code), number in sorted(why.items())
            ]
            say({"kept": kept, "asked": asked}, as_json=as_json, text=_list_words(kept, asked))
        finally:
            installation.close()


@companion.command()
@state_option
@json_option
def move(state: Path | None, as_json: bool) -> None:
    """Move what can go into the charts of whoever has a live launch, as every launch does by itself; also what a server
    has refused before.

    Exit 0: all that can go has gone. 1: something that could go did not. 69: an EHR did not answer.
    """
    from fhir_plugin.errors import PluginError, Unavailable
    from fhir_plugin.ports import AuditEntry
    from mappings.model.identifiers import Reference

    with mendable(as_json=as_json):
        installation = open_installation(state)
        moved = stays = patients = failed = 0
        down = False
        try:
            for session in _live(installation):
                patients += 1
                try:
                    before = [each for each in installation.moving.kept(session) if not each.why]
                    told = installation.moving.move(session, again=True)
                except Unavailable:
                    down = True
                    continue
                except PluginError:
                    failed += 1
                    continue
                moved += told["moved"]
                stays += told["stay"]
                failed += max(0, len(before) - told["moved"])
            detail: dict[str, str | int | bool] = {"operator": operator(), "moved": moved, "left": failed}
            installation.audit.append(
                AuditEntry(
                    action="companion.move",
                    actor=Reference("system"),
                    patient="",
                    launch=None,
                    subject="installation",
                    policy=installation.policy.reference,
                    outcome="failure" if failed else "success",
                    detail=detail,
                )
            )
            answer = {"patients": patients, "moved": moved, "stay": stays, "failed": failed, "not_answered": down}
            say(answer, as_json=as_json, text=_moved_words(answer))
        finally:
            installation.close()
    sys.exit(CHECK_FAILED if failed else UNAVAILABLE if down else DONE)


def _live(installation: Installation) -> Iterator[ClinicalSession]:
    """Of everybody of whom something is kept, the newest launch that is still live and may change the record."""
    from fhir_plugin.adapters.companion_kept import patients_kept
    from fhir_plugin.capture.moving import MAY

    for base, patient in patients_kept(installation.database):
        sessions = installation.live_at(base, patient)
        found = next((each for each in sessions if not each.requests_only and each.user.roles & MAY), None)
        if found is not None:
            yield found


def _list_words(kept: list[dict[str, Any]], asked: list[dict[str, Any]]) -> str:
    if not kept:
        return "Nothing is kept beside any chart."
    lines = []
    for base in dict.fromkeys(each["fhir_base"] for each in kept):
        lines.append(f"{base}:")
        for each in kept:
            if each["fhir_base"] == base:
                lines.append(f"  {each['type']}: {each['resources']} of {each['patients']} patients")
        for each in asked:
            if each["fhir_base"] == base:
                why = _WHY.get(each["stays_because"], "it can go into the chart: fhir-plugin companion move")
                lines.append(f"  {each['resources']} {each['type']} asked about under a live launch: {why}")
    return "\n".join(lines)


def _moved_words(answer: dict[str, Any]) -> str:
    if not answer["patients"]:
        return "Nobody of whom something is kept has a live launch. Each launch moves what can go by itself."
    words = f"{answer['moved']} moved into charts, {answer['stay']} stay beside them, {answer['failed']} did not go."
    return f"{words} An EHR did not answer." if answer["not_answered"] else words
