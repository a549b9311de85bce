"""Chart copies over HTTP, at a sandbox of each kind of EHR that takes documents and no images."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.copy_sheet import RenderedSheets
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.capture.captures import Captures
from fhir_plugin.capture.carry_out import CarryOut
from fhir_plugin.capture.write import KIND
from fhir_plugin.errors import AnswerLost, TooLarge
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase
from mappings.model.writeback import ChartCopy, CopyState, Rung
from mappings.terminology import systems
from smart_launch.transport import Transport
from tests.capture.bench import PATIENT, PRIVATE, SESSION, Bench
from tests.disclose.package.made import WorkerHere
from tests.fakes.record import FakeRecord
from tests.fakes.server_limits import FakeServerLimits
from tests.imaging.drawing import as_jpeg, grainy
from tests.shape.project import ROOT

ORACLE = ROOT / "fhir_plugin/sandbox/personalities/oracle.toml"


class Ehr:
    """One chart at a sandbox of this kind, with real pictures and real pages."""

    def __init__(self, sandbox: Any, transport: Transport) -> None:
        self.sandbox = sandbox
        base = FhirBase(sandbox.fhir_base)
        self.record = FhirServerRecord(transport, base, binary_forms=BinaryForms(), limits=FakeServerLimits())
        self.companion = FakeRecord()
        self.bench = Bench(CompositeRecord(self.record, self.companion))
        worker = WorkerHere()
        parts = replace(self.bench.parts, worker=worker, sheets=RenderedSheets(worker))
        self.bench.engine._plans[KIND] = CarryOut(parts)  # type: ignore[index]  # the dictionary that the bench made
        self.bench.captures = Captures(parts)

    def filed(self, picture: bytes, **shared: str) -> tuple[ChartCopy, dict[str, Any], bytes]:
        """The copy as registered, as it lies in the chart, and what that holds."""
        capture = self.bench.captures.begin(SESSION)
        image = self.bench.captures.receive(SESSION, capture, picture, "image/jpeg").image_id
        self.bench.answer(capture, {image: "store"}, **shared)
        self.bench.file(capture)
        self.bench.until_settled()
        receipt = self.bench.captures.receipt(SESSION, capture)
        if receipt.reason == TooLarge.code:  # nothing is lost, it is remembered, and *File* again goes another way
            assert receipt.state == "nothing-current" and self.copies() == []
            receipt = self.bench.file(capture)
        assert receipt.state == "filed", receipt.message
        whole = self.companion.read_binary(receipt.filed[0].binary).content
        assert hashlib.sha256(whole).hexdigest() == receipt.filed[0].sha256_clean
        (copy,) = self.bench.copies.of_patient(SESSION.fhir_base, SESSION.patient_id)
        assert copy.document is not None
        document = self.record.read(*copy.document.split("/"))
        return copy, document, base64.b64decode(document["content"][0]["attachment"]["data"])

    def copies(self) -> list[dict[str, Any]]:
        found = self.record.search("DocumentReference", {"patient": "p1"})
        return [each for each in found if any(_ours(named) for named in each.get("identifier", ()))]


def _ours(identifier: dict[str, str]) -> bool:
    return identifier.get("system") == systems.CHART_COPY


@contextmanager
def ehr(personality: str) -> Iterator[Ehr]:
    with running_sandbox(SandboxConfig(personality=personality, open=True)) as sandbox:
        transport = Transport(read_timeout=30, total_timeout=60)
        try:
            for resource in (PATIENT, {"resourceType": "Practitioner", "id": "gp"}):
                sandbox.store.put(resource)
            sandbox.store.put(
                {"resourceType": "Encounter", "id": "e1", "status": "in-progress", "class": {"code": "AMB"}}
            )
            yield Ehr(sandbox, transport)
        finally:
            transport.close()


@pytest.mark.parametrize(
    ("personality", "rung", "content_type"),
    [
        ("oracle", Rung.PDF, "application/pdf"),
        ("epic", Rung.TEXT_NOTE, "text/plain"),
        ("text-only", Rung.TEXT_NOTE, "text/plain"),
    ],
)
def test_the_chart_gets_the_best_that_it_takes_and_the_whole_is_kept(
    personality: str, rung: Rung, content_type: str
) -> None:
    picture = as_jpeg(grainy(800, 600), quality=90)
    with ehr(personality) as here:
        copy, document, content = here.filed(picture)
        assert (copy.rung, copy.content_type, copy.state, copy.reduced) == (
            rung,
            content_type,
            CopyState.IN_CHART,
            False,
        )
        assert copy.digest == here.bench.vault.keyed_digest(content)
        assert copy.image_id in document["description"] and len(here.copies()) == 1
        if rung is Rung.PDF:
            assert content.startswith(b"%PDF") and b"DCTDecode" in content
        else:
            assert copy.image_id.encode() in content and b"Labels:" in content


def test_where_the_page_has_too_little_room_the_picture_on_it_is_smaller(tmp_path: Path) -> None:
    bounded = tmp_path / "bounded.toml"
    bounded.write_text(ORACLE.read_text("utf-8") + "max_attachment_bytes = 5_000_000\n", "utf-8")
    noise = Image.merge("RGB", [Image.effect_noise((2600, 2000), 120)] * 3)
    picture = as_jpeg(noise, quality=100, subsampling="4:4:4")
    assert len(picture) > 5_200_000
    with ehr(str(bounded)) as here:
        copy, _document, content = here.filed(picture)
        assert (copy.rung, copy.reduced) == (Rung.PDF, True) and 400_000 < len(content) <= 5_000_000


def test_a_restricted_picture_is_words_there() -> None:
    with ehr("oracle") as here:
        copy, _document, content = here.filed(as_jpeg(grainy(400, 300)), **PRIVATE)
        assert (copy.rung, copy.content_type) == (Rung.TEXT_NOTE, "text/plain") and b"SENSITIVE" in content


@pytest.mark.parametrize("personality", ["oracle", "epic", "text-only"])
def test_an_answer_that_is_lost_leaves_one_copy(personality: str) -> None:
    with ehr(personality) as here:
        create, lost = here.record.create, iter([True])

        def losing(resource: dict[str, Any], **how: Any) -> Any:
            stored = create(resource, **how)
            if any(_ours(each) for each in resource.get("identifier", ())) and next(lost, False):
                raise AnswerLost("not answered")
            return stored

        here.record.create = losing  # type: ignore[method-assign]  # for this once
        here.filed(as_jpeg(grainy(400, 300)))
        assert len(here.copies()) == 1
