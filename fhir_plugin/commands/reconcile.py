"""`fhir-plugin reconcile`: where vault, database and record disagree, and what of it may be set right. Names nobody."""

from __future__ import annotations

import sys
from collections import Counter
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
    from fhir_plugin.delete.disagreement import Finding, Kind
    from fhir_plugin.delete.reconcile import Report


@click.command()
@click.option("--repair", is_flag=True, help="Set right what nobody could still need. Look at a run without it first.")
@state_option
@json_option
def reconcile(repair: bool, state: Path | None, as_json: bool) -> None:
    """Compare vault, database and the records of whoever has a live launch, in both directions. Changes nothing without
    --repair.

    Exit 0: they agree, or all was set right. 1: something is left, or is for a person. 2: refused. 69: a record did not
    answer, and nothing else was found; run it again.
    """
    from fhir_plugin.delete.reconcile import reconcile as compare
    from fhir_plugin.ports import AuditEntry
    from fhir_plugin.reconciling import sources_of
    from mappings.model.identifiers import Reference

    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            report = compare(sources_of(installation), mend=repair)
            installation.audit.append(
                AuditEntry(
                    action="reconcile.run",
                    actor=Reference("system"),
                    patient="",
                    launch=None,
                    subject="installation",
                    policy=installation.policy.reference,
                    outcome="failure" if report.left else "success",
                    detail={
                        "operator": operator(),
                        "repair": repair,
                        "found": len(report.findings),
                        "mended": len(report.mended),
                        "records": report.asked,
                    },
                )
            )
        finally:
            installation.close()
    say(_answer(report), as_json=as_json, text=_as_text(report))
    sys.exit(_exit(report))


def _exit(report: Report) -> int:
    if report.left:
        return CHECK_FAILED
    return UNAVAILABLE if report.down else DONE


def _answer(report: Report) -> dict[str, Any]:
    return {
        "findings": [_line(each, mended=each in set(report.mended)) for each in report.findings],
        "found": len(report.findings),
        "mended": len(report.mended),
        "left": len(report.left),
        "records_looked_at": report.asked,
        "records_not_looked_at": dict(sorted(Counter(each.why for each in report.unasked).items())),
    }


def _line(finding: Finding, *, mended: bool) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "what": finding.what,
        "ehr": finding.fhir_base,
        "repair": "done" if mended else "possible" if finding.mendable else "a person",
    }


def _as_text(report: Report) -> str:
    lines = [f"{len(report.findings)} found, {len(report.mended)} set right, {report.asked} records looked at."]
    for each in report.findings:
        state = "set right" if each in report.mended else "--repair sets it right" if each.mendable else WHAT_TO_DO
        lines.append(f"  {each.kind.value:<30} {each.what}  ({state})")
    for kind in sorted({each.kind for each in report.left}):
        lines.append(f"{kind.value}: {_meaning(kind)}")
    if report.unasked:
        why = ", ".join(f"{count} {code}" for code, count in Counter(each.why for each in report.unasked).items())
        lines.append(f"{len(report.unasked)} records were not looked at ({why}): nothing is said about them.")
    return "\n".join(lines)


WHAT_TO_DO = "a person has to look"


def _meaning(kind: Kind) -> str:
    from fhir_plugin.delete.disagreement import MEANING

    return MEANING[kind]
