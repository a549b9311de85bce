"""`fhir-plugin policy coverage`: how the software stands to each of the 351 requirements of the guidance."""

from __future__ import annotations

import click

from fhir_plugin.commands.answers import json_option, say


@click.command()
@click.option("--markdown", "as_document", is_flag=True, help="Print the document that docs/ keeps.")
@json_option
def coverage(as_json: bool, as_document: bool) -> None:
    """Print each requirement of the guidance: enforced, shown, kept, configured, outside the software, or later."""
    from fhir_plugin.policy.coverage import as_markdown, counts, requirements

    if as_json and as_document:
        raise click.UsageError("--json and --markdown exclude each other: choose one.")
    if as_document:
        click.echo(as_markdown(), nl=False)
        return
    everything = requirements()
    rows = [
        {
            "id": each.id,
            "group": each.group,
            "says": each.says,
            "lines": list(each.seeds),
            "standing": each.standing.value,
            "where": list(each.where),
            "tests": list(each.tests),
            "note": each.note,
        }
        for each in everything
    ]
    summary = {standing.value: number for standing, number in counts(everything).items()}
    lines = [f"{each.id:<6} {each.standing:<11} {each.says}" for each in everything]
    together = ", ".join(f"{number} {name}" for name, number in summary.items())
    lines.append(f"{len(everything)} requirements: {together}")
    say({"requirements": rows, "counts": summary}, as_json=as_json, text="\n".join(lines))
