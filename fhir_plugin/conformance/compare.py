"""Servers side by side, from what their runs wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fhir_plugin.conformance.results import Verdict
from fhir_plugin.conformance.words import SIGNS
from fhir_plugin.errors import Refused

Json = dict[str, Any]


def read(place: Path) -> Json:
    """`capabilities.json`, or the folder that holds it. Raises `Refused` for anything else."""
    file = place / "capabilities.json" if place.is_dir() else place
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{file.name} is not the capabilities.json of a run.", code="not-a-report") from error
    if not isinstance(found, dict) or not isinstance(found.get("checks"), list):
        raise Refused(f"{file.name} is not the capabilities.json of a run.", code="not-a-report")
    return found


def differences(reports: Sequence[Json]) -> list[Json]:
    """Each check with its verdict at each server, in the order of the first; None where a run did not have it."""
    names = dict.fromkeys(check["name"] for report in reports for check in report["checks"])
    known = [{check["name"]: check for check in report["checks"]} for report in reports]
    rows = []
    for name in names:
        title = next(each[name]["title"] for each in known if name in each)
        verdicts = [each[name]["verdict"] if name in each else None for each in known]
        rows.append({"name": name, "title": title, "verdicts": verdicts, "alike": len(set(verdicts)) == 1})
    return rows


def as_markdown(reports: Sequence[Json], names: Sequence[str], *, only_different: bool = False) -> str:
    """A table: a row a check, a column a server, each cell its sign; first the ways of filing, last what went wrong.

    `only_different`: without the checks that ended alike everywhere.
    """
    lines = [f"| check | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    lines.append(f"| *FHIR version* | {' | '.join(str(each.get('fhir_version', '')) for each in reports)} |")
    lines.append(
        f"| *way of filing* | {' | '.join(str((each.get('way') or {}).get('rung', '')) for each in reports)} |"
    )
    for row in differences(reports):
        if only_different and row["alike"]:
            continue
        signs = [SIGNS[Verdict(each)] if each else " " for each in row["verdicts"]]
        lines.append(f"| {row['title']} | {' | '.join(signs)} |")
    wrong = [
        f"- {name}: *{check['title']}*: {check['words']}"
        for name, report in zip(names, reports, strict=True)
        for check in report["checks"]
        if check["verdict"] == Verdict.FAILED
    ]
    return "\n".join([*lines, *(["", *wrong] if wrong else [])]) + "\n"
