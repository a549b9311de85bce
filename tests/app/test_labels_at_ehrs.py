"""A change of label over HTTP, at servers of different kinds: one that replaces labels, one that only ever adds to them
and has an operation to take them away (HAPI), one that adds and has none, one that drops them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.ledger.intents import Outcome
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.label_change import LabelLevel
from smart_launch.transport import Transport
from tests.fakes.practice_parts import PracticeBench
from tests.keep.labelled import OURS, filed, on_server, provenances
from tests.keep.relabelling import INTIMATE, ONE, change, lower, standing
from tests.shape.project import ROOT
from tests.work.test_practice import GP, NURSE, at

HAPI = ROOT / "fhir_plugin/sandbox/personalities/hapi.toml"


@contextmanager
def ehr(personality: str) -> Iterator[PracticeBench]:
    """A chart at a sandbox of this kind, with the people that its resources refer to."""
    with running_sandbox(SandboxConfig(personality=personality, open=True)) as sandbox:
        transport = Transport(read_timeout=30, total_timeout=60)
        record = FhirServerRecord(transport, FhirBase(sandbox.fhir_base), binary_forms=BinaryForms())
        try:
            for each in ("Patient/amy", GP, NURSE):
                resource_type, id = each.split("/")
                sandbox.store.put({"resourceType": resource_type, "id": id})
            yield PracticeBench(record=record, policy=ONE)
        finally:
            transport.close()


def ended(bench: PracticeBench) -> list[tuple[Outcome | None, str]]:
    return [(each.outcome, each.reason) for each in bench.ledger.for_subject(OURS)]


@pytest.mark.parametrize("personality", ["default", "hapi"])
def test_raised_and_lowered(personality: str) -> None:
    with ehr(personality) as bench:
        filed(bench)
        change(bench, LabelLevel.INTIMATE)
        assert on_server(bench, OURS) == {each.code for each in INTIMATE}
        lower(bench)
        assert on_server(bench, OURS) == {"N", "PATRPT"}
        assert ended(bench) == [(Outcome.DONE, "")] * 2
        assert len(provenances(bench, OURS)) == 3
        now = standing(bench)
        assert now.same and now.level is LabelLevel.ORDINARY and all(line.holds for line in now.history.lines)
        assert not bench.label_reviews.findings(at())


def test_at_hapi_the_bytes_are_labelled_too() -> None:
    with ehr("hapi") as bench:
        filed(bench)
        change(bench, LabelLevel.PRIVATE)
        assert on_server(bench, Reference("Binary/b-m1")) == {"R", "PRS", "NORDSCLCD", "PATRPT"}
        lower(bench)
        assert on_server(bench, Reference("Binary/b-m1")) == {"N", "PATRPT"}


def test_a_server_that_adds_and_takes_nothing_away_refuses_only_the_lowering(tmp_path: Path) -> None:
    adds = tmp_path / "adds.toml"
    adds.write_text(HAPI.read_text("utf-8").replace("meta_operations = true", ""), "utf-8")
    with ehr(str(adds)) as bench:
        filed(bench)
        change(bench, LabelLevel.INTIMATE)
        assert on_server(bench, OURS) == {*(each.code for each in INTIMATE), "N"}
        assert standing(bench).same
        lower(bench)
        assert ended(bench) == [(Outcome.DONE, ""), (Outcome.NOTHING_CURRENT, "label-not-lowered")]
        assert {"R", "SEX"} <= on_server(bench, OURS) and standing(bench).level is LabelLevel.INTIMATE
        assert len(provenances(bench, OURS)) == 2


def test_a_server_that_drops_labels_is_found_out(tmp_path: Path) -> None:
    drops = tmp_path / "drops.toml"
    drops.write_text('name = "drops"\nmeta = "dropped"\n', "utf-8")
    with ehr(str(drops)) as bench:
        filed(bench)
        change(bench, LabelLevel.PRIVATE)
        assert ended(bench) == [(Outcome.NOTHING_CURRENT, "label-lost")]
        [item] = bench.gallery.images(at())
        assert item.sensitive
