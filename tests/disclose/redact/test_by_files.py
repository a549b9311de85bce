"""Files redacted line by line, by what stands in their bytes, give what a walk of all of it gives."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.adapters.record_files import RecordFiles, WholeOutput
from fhir_plugin.adapters.redacting import FileRedaction
from fhir_plugin.disclose.redact import Finding, Part, Redaction, redact_documents
from fhir_plugin.disclose.redact.places import Place
from mappings.model.disclosure import Mode
from tests.disclose.redact.records import ID, RESTRICTED, by_label, media
from tests.disclose.redact.test_blocks import TEXT
from tests.disclose.redact.test_entries import EXTRAS, by_keys

POINTING = ["basedOn", "focus", "target", "result", "entry"]
KINDS = ["Observation", "DiagnosticReport", "Provenance", "List", "Task", "Media", "Basic"]


class Telling:
    """Who is told: keeps everything."""

    def __init__(self) -> None:
        self.begin_again()

    def begin_again(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.kept: list[Place] = []

    def list(self, findings: Sequence[Finding], /) -> None:
        self.rows += [each.as_json() for each in findings]

    def as_they_came(self, number: int, /) -> None:
        raise AssertionError("every row was asked for")

    def stay(self, places: Sequence[Place], /) -> None:
        self.kept += places


@st.composite
def chains(draw: st.DrawFn) -> list[bytes]:
    """Lines that point at lines before and after them: what is about a withheld one only is withheld, and so on."""
    found: list[dict[str, Any]] = [media()]
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=7))
    others = [f"{kind}/number-{number}" for number, kind in enumerate(kinds)]
    for number, kind in enumerate(kinds):
        resource: dict[str, Any] = {"resourceType": kind, "id": f"number-{number}"}
        for name in draw(st.lists(st.sampled_from(POINTING), max_size=2, unique=True)):
            pointer: dict[str, Any] = {"reference": draw(st.sampled_from([f"Media/{ID}", *others]))}
            resource[name] = [{"item": pointer}] if name == "entry" else [pointer]
        if draw(st.integers(0, 3)) == 0:
            resource |= draw(st.sampled_from([{"conclusion": "seen"}, {"note": [{"text": draw(TEXT)}]}, *EXTRAS]))
        if draw(st.integers(0, 6)) == 0:
            resource["meta"] = RESTRICTED
        found.append(resource)
    return [json.dumps(each).encode() for each in draw(st.permutations(found))]


def by_files(texts: list[bytes], mode: Mode) -> tuple[bytes, Telling, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.ndjson", Path(folder) / "out.ndjson"
        source.write_bytes(b"".join(each + b"\n" for each in texts))
        told = Telling()
        with RecordFiles([str(source)]) as files, WholeOutput(str(target), files) as output:
            passes = FileRedaction(
                files, lambda: Redaction(by_label, mode), by_keys, look_around=lambda: None, reported=True
            )
            known = passes.redact(output, told)
            output.finish()
        return target.read_bytes(), told, sorted(known.common)


def in_one(texts: list[bytes], mode: Mode) -> tuple[bytes, Telling, list[str]]:
    record = redact_documents([Part("in.ndjson", each, at) for at, each in enumerate(texts, 1)], by_label, mode)
    told = Telling()
    told.list(record.findings)
    told.stay(record.kept_back)
    return b"".join(each.data + b"\n" for each in record.parts), told, sorted(record.common)


@pytest.mark.parametrize("mode", Mode)
@settings(max_examples=60)
@given(texts=chains())
def test_files_give_what_a_walk_of_every_line_gives(texts: list[bytes], mode: Mode) -> None:
    quick, slow = by_files(texts, mode), in_one(texts, mode)
    assert quick[0] == slow[0]
    assert quick[1].rows == slow[1].rows
    assert {each.path for each in quick[1].kept} == {each.path for each in slow[1].kept}
    assert quick[2] == slow[2]
