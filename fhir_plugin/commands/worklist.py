"""`fhir-plugin worklist`: what waits too long for a person, at every EHR. Names nobody: the list itself does."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import click

from fhir_plugin.commands.answers import (
    DONE,
    SOMEBODY_MUST_LOOK,
    json_option,
    mendable,
    open_installation,
    say,
    state_option,
)
from mappings.model.work import WorkItem


def late_lines(items: list[WorkItem], now: dt.datetime) -> list[dict[str, Any]]:
    """One entry for each: what, at which EHR, since when, late by how many hours, and whose. No patient, no words."""
    return [
        {
            "item": item.id,
            "kind": item.kind.value,
            "ehr": item.fhir_base,
            "due": item.due.isoformat(),
            "hours_late": int((now - item.due).total_seconds() // 3600),
            "owner": item.owner,
        }
        for item in items
    ]


@click.command()
@state_option
@json_option
def worklist(state: Path | None, as_json: bool) -> None:
    """List what is late on the practice's list, for an alert. Exit 3: somebody must look."""
    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            lines = late_lines(installation.practice.late(), installation.clock.now())
        finally:
            installation.close()
    words = [f"{len(lines)} late."]
    words += [
        f"  {line['kind']:<16} {line['hours_late']:>5} h late  {line['owner'] or 'nobody’s'}  at {line['ehr']}"
        for line in lines
    ]
    say({"late": lines}, as_json=as_json, text="\n".join(words))
    sys.exit(SOMEBODY_MUST_LOOK if lines else DONE)
