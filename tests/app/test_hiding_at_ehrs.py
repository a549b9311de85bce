"""Hiding and restoring over HTTP, at servers of different kinds: what each takes, what it still shows, and that every
one of them gives back exactly what was there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.delete.hidden_kept import same_as_before
from fhir_plugin.delete.hidden_words import FILE_VERSIONS, READABLE
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.ledger.intents import Outcome
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.hiding import HidingState
from mappings.model.identifiers import FhirBase, Reference
from mappings.r4.hidden_stub import Form, form_of
from mappings.r4.hiding_provenance import signed_hiding_in
from smart_launch.transport import Transport
from tests.delete.hiding_bench import HidingBench
from tests.keep.labelled import JPEG, OURS, filed
from tests.keep.relabelling import INTIMATE
from tests.work.test_practice import GP, NURSE, at

DOCUMENT = Reference("DocumentReference/d1")


@contextmanager
def ehr(personality: str) -> Iterator[HidingBench]:
    """A chart at a sandbox of this kind, with a private picture as Media and one as DocumentReference."""
    with running_sandbox(SandboxConfig(personality=personality, open=True)) as sandbox:
        transport = Transport(read_timeout=30, total_timeout=60)
        record = FhirServerRecord(transport, FhirBase(sandbox.fhir_base), binary_forms=BinaryForms())
        try:
            for each in ("Patient/amy", GP, NURSE):
                resource_type, id = each.split("/")
                sandbox.store.put({"resourceType": resource_type, "id": id})
            bench = HidingBench(record=record)
            filed(bench, *INTIMATE)
            filed(bench, *INTIMATE, reference=DOCUMENT)
            yield bench
        finally:
            transport.close()


@pytest.mark.parametrize("personality", ["default", "hapi", "no-purge", "no-transaction"])
def test_what_is_hidden_is_hidden_there_and_comes_back_as_it_was(personality: str) -> None:
    with ehr(personality) as bench:
        for reference, binary in ((OURS, "Binary/b-m1"), (DOCUMENT, "Binary/b-d1")):
            before = bench.on_server(reference)
            hidden = bench.hide(reference)
            assert hidden.state is HidingState.HIDDEN, [each.message for each in bench.ledger.for_subject(reference)]
            stub = bench.on_server(reference)
            assert form_of(stub, picture=neutral_picture()) is Form.PICTURE
            assert bench.bytes_of(binary) == neutral_picture()
            for secret in ("Forearm", "14975008", "Rash"):
                assert secret not in str(stub)
            assert READABLE in hidden.remains and FILE_VERSIONS in hidden.remains
            told = [signed for each in bench.provenances(reference) if (signed := signed_hiding_in(each)) is not None]
            assert len(told) == 1 and bench.signer.verify(*told[0])
            bench.restore(reference)
            assert same_as_before(bench.on_server(reference), before) and bench.bytes_of(binary) == JPEG
            assert bench.row(reference) is None
            assert {each.outcome for each in bench.ledger.for_subject(reference)} == {Outcome.DONE}


def test_the_wrong_chart_says_so_at_the_server() -> None:
    with ehr("hapi") as bench:
        assert bench.wrong().state is HidingState.HIDDEN
        assert bench.on_server()["status"] == "entered-in-error"
        assert not [each for each in bench.gallery.images(at()) if each.entry.reference == OURS]
