"""`fhir-plugin redact`: take out of a record what this recipient must not get, and say what became of each resource."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import SOMEBODY_MUST_LOOK, json_option, mendable, need_apart, say

if TYPE_CHECKING:
    from fhir_plugin.disclose.decide import Together
    from fhir_plugin.disclose.kept_back import KeptBack
    from fhir_plugin.disclose.redact import Finding, Part
    from fhir_plugin.disclose.redact.places import Place


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("-o", "--output", required=True, help="A file for one input file, a new folder for more, - for stdout.")
@click.option("--purpose", required=True, help="Who asks: insurer, patient, court-order, ... or COVERAGE, PATRQT, ...")
@click.option("--recipient", default="", help="Who gets it; goes into the report.")
@click.option(
    "--mode", type=click.Choice(["marked", "silent"]), default="marked", show_default=True, help="Stubs, or no trace."
)
@click.option("--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An organisation's rules.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where to say what became of each.")
@click.option(
    "--cleared", multiple=True, metavar="TYPE/ID", help="A person has read the words in this one; repeatable."
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that read at the same time. The output is the same.",
)
@json_option
def redact(
    inputs: tuple[str, ...],
    output: str,
    purpose: str,
    recipient: str,
    mode: str,
    policy: Path | None,
    report: Path | None,
    cleared: tuple[str, ...],
    jobs: int,
    as_json: bool,
) -> None:
    """Redact a resource, a Bundle, NDJSON (also .gz), the folder of a bulk export, or - (standard input).

    What comes out has been searched for everything that stays, by a second program; where that finds anything, nothing
    comes out and this exits with 1. Pictures are known by their bytes: one that was compressed anew is not, and the
    report says so; `disclose` compares pixels, too. Exits with 3 when something waits for a person: it is in the
    report, and not in the output.
    """
    from fhir_plugin.adapters.clock import SystemClock
    from fhir_plugin.adapters.record_files import RecordFiles, WholeOutput
    from fhir_plugin.adapters.redacting import FileRedaction, at_once
    from fhir_plugin.disclose.decide import (
        Together,
        glance_for,
        judge_for,
        on_their_word,
        rules_of_an_organisation,
        shipped_rules,
    )
    from fhir_plugin.disclose.kept_back import KeptBack
    from fhir_plugin.disclose.proven import FileProof
    from fhir_plugin.disclose.redact import Redaction
    from mappings.model.disclosure import Mode

    if as_json and output == "-":
        raise click.UsageError("--json and -o - both want stdout: choose one.")
    with mendable(as_json=as_json):
        need_apart(report, output, inputs)
        rules = rules_of_an_organisation(policy.read_text("utf-8")) if policy else shipped_rules()
        row = rules.row(purpose)
        chosen = rules.mode_for(row.requester, Mode(mode))
        asked = on_their_word(row.requester, SystemClock().now().date())
        with RecordFiles(inputs) as files, WholeOutput(output, files) as out, _Report(report, KeptBack()) as told:
            around = Together()
            passes = FileRedaction(
                files,
                lambda: Redaction(judge_for(asked, rules=rules, around=around), chosen, cleared=cleared),
                glance_for(asked, rules=rules),
                look_around=lambda: _look_around(files.parts, around),
                jobs=jobs,
                reported=report is not None,
            )
            redaction = passes.redact(out, told)
            told.kept_back.beside(files.parts())
            proof = FileProof(told.kept_back.needles(redaction.common))
            with at_once(proof.look, out.pieces(jobs), jobs) as found:
                proof.clean(found)
            told.finish(
                {
                    "purpose": row.purpose,
                    "requester": row.requester,
                    "recipient": recipient,
                    "mode": chosen,
                    "pixels_compared": False,
                }
            )
            out.finish()
    summary = {"output": output, "counts": dict(told.counts), "review": told.waiting}
    words = ", ".join(f"{number} {name}" for name, number in told.counts.items())
    waiting = "".join(f"\nwaits for a person: {each['type']}/{each['id']}: {each['reason']}" for each in told.waiting)
    if more := told.counts["review"] - len(told.waiting):
        waiting += f"\nand {more} more, which only the report lists"
    if output == "-":
        click.echo(words + waiting, err=True)
    else:
        say(summary, as_json=as_json, text=words + waiting)
    if told.counts["review"]:
        sys.exit(SOMEBODY_MUST_LOOK)


def _look_around(parts: Callable[[], Iterator[Part]], around: Together) -> None:
    """Let the judge know who describes each Binary, and what is a copy of what: only lines that speak of one are read
    for it."""
    from fhir_plugin.disclose.redact import read_part
    from fhir_plugin.disclose.redact.places import places
    from mappings.terminology.systems import IMAGE

    telling = (b"Binary", b"\\u", IMAGE.encode())
    contexts: set[str] = set()
    for part in parts():
        if not any(each in part.data for each in telling):
            continue
        for place in places(read_part(part), ""):
            around.see(place.resource, place.full_url or "")
            context = place.resource.get("securityContext")
            if isinstance(context, dict) and isinstance(context.get("reference"), str):
                contexts.add("/".join(context["reference"].split("/")[-2:]))
    if not contexts:
        return
    for part in parts():
        if any(each in part.data for each in telling):
            continue
        for place in places(read_part(part), ""):
            if f"{place.resource['resourceType']}/{place.resource.get('id')}" in contexts or place.full_url:
                around.see(place.resource, place.full_url or "")


class _Report:
    """Written as it comes, so that a long record costs no memory; put in its place at the end."""

    def __init__(self, path: Path | None, kept_back: KeptBack) -> None:
        self._path = path
        self._aside: Path | None = None
        self._stream: IO[str] | None = None
        self.counts: Counter[str] = Counter(release=0, redact=0, withhold=0, review=0, changed=0)
        self.waiting: list[dict[str, object]] = []
        self.kept_back = kept_back

    def __enter__(self) -> _Report:
        if self._path is not None:
            descriptor, aside = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.absolute().parent)
            self._aside, self._stream = Path(aside), os.fdopen(descriptor, "w", encoding="utf-8")
            self._stream.write('{"resources": [')
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._aside is not None:
            self._aside.unlink(missing_ok=True)

    def begin_again(self) -> None:
        self.counts = Counter(release=0, redact=0, withhold=0, review=0, changed=0)
        self.waiting = []
        if self._stream is not None:
            self._stream.seek(0)
            self._stream.truncate()
            self._stream.write('{"resources": [')

    def list(self, findings: Sequence[Finding]) -> None:
        for each in findings:
            first = not sum(self.counts[word] for word in ("release", "redact", "withhold", "review"))
            self.counts[each.word] += 1
            self.counts["changed"] += bool(each.cuts)
            if each.word == "review" and len(self.waiting) < 1000:
                self.waiting.append(each.as_json())
            if self._stream is not None:
                self._stream.write(("\n" if first else ",\n") + json.dumps(each.as_json(), ensure_ascii=False))

    def as_they_came(self, number: int) -> None:
        self.counts["release"] += number

    def stay(self, places: Sequence[Place]) -> None:
        self.kept_back.add(places)

    def finish(self, more: dict[str, Any]) -> None:
        if self._stream is None or self._path is None or self._aside is None:
            return
        rest = {"counts": dict(self.counts), **more}
        self._stream.write("\n], " + json.dumps(rest, ensure_ascii=False)[1:] + "\n")
        self._stream.close()
        self._aside.replace(self._path)
