"""`fhir-plugin smart-conformance`: how the SMART client stands to each requirement of its specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import json_option, say

if TYPE_CHECKING:
    from smart_launch.conformance import Feature, Requirement


@click.command("smart-conformance")
@click.option("--markdown", "as_document", is_flag=True, help="Print the document that docs/ keeps.")
@json_option
def smart_conformance(as_json: bool, as_document: bool) -> None:
    """Print each requirement of SMART App Launch 2.2: met, not applicable or refused, with its tests or reason."""
    from smart_launch.conformance import SPECIFICATION, as_markdown, counts, features, requirements

    if as_json and as_document:
        raise click.UsageError("--json and --markdown exclude each other: choose one.")
    if as_document:
        click.echo(as_markdown(), nl=False)
        return
    everything = requirements()
    summary = counts(everything)
    rows = [{"id": each.id, "word": each.word, **_standing(each)} for each in everything]
    beside = [{"name": each.name, **_standing(each)} for each in features()]
    lines = [f"{each.id:<11} {each.status:<15} {each.reason or _short(each.text)}" for each in everything]
    together = ", ".join(f"{number} {name}" for name, number in summary.items())
    lines.append(f"{len(everything)} requirements: {together}")
    answer = {"specification": SPECIFICATION, "requirements": rows, "counts": summary, "beside_the_list": beside}
    say(answer, as_json=as_json, text="\n".join(lines))


def _standing(one: Requirement | Feature) -> dict[str, Any]:
    return {"text": one.text, "url": one.url, "status": one.status, "tests": list(one.tests), "reason": one.reason}


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:87].rpartition(" ")[0] + " ..."
