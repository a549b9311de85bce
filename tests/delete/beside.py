"""A chart that takes no images: the whole image in the companion store, a copy of it in the chart."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.capability import Capability
from fhir_plugin.errors import RecordRefused
from fhir_plugin.ports import Answered, Json, PurgeMeans
from mappings.model.identifiers import CaptureId, ImageId, PatientId, Reference
from mappings.model.writeback import ChartCopy, CopyState, Rung
from tests.delete.destroying_bench import AMY, BASE, BINARY, BYTES, IMAGE, DestroyingBench
from tests.fakes.clock import START
from tests.fakes.record import TYPES, FakeRecord
from tests.fakes.record_purge import FakeRecordPurge
from tests.fakes.whole_record import FOREARM, INTIMATE, RESTRICTED, media

DOCUMENT = Reference("DocumentReference/copy-1")
PDF = b"%PDF-1.7 a page with a smaller picture of a forearm, and what was recorded about it"
WITHOUT_IMAGES = TYPES - {"Media", "Binary", "Consent", "Provenance", "AuditEvent", "Task", "QuestionnaireResponse"}


class Chart(FakeRecord):
    """An EHR's server that holds no images. `narrowed` changes what it says that it does with documents."""

    def __init__(self, *withheld: str, types: frozenset[str] = WITHOUT_IMAGES) -> None:
        super().__init__(types=types)
        self.withheld = frozenset(withheld)
        self.narrowed: Callable[[Capability], Capability] = lambda said: said

    def capability(self) -> Capability:
        said = super().capability()
        documents = said.interactions["DocumentReference"] - self.withheld
        said = replace(said, interactions={**said.interactions, "DocumentReference": documents})
        return self.narrowed(replace(said, update_create=frozenset()))

    def _need(self, resource_type: str, interaction: str) -> None:
        if resource_type == "DocumentReference" and interaction in self.withheld:
            raise RecordRefused(f"{interaction} {resource_type}: 405", status=405, code="not-supported")

    def put(self, resource: Json, *, version: str | None = None) -> Any:
        self._need(str(resource["resourceType"]), "update")
        return super().put(resource, version=version)

    def delete(self, resource_type: str, id: str) -> None:
        self._need(resource_type, "delete")
        super().delete(resource_type, id)

    def file_copy(self, resource: Json) -> None:
        """As it was filed once, whatever may be changed now."""
        super().put(resource)


class TwoPurges:
    """`RecordPurge` of both places."""

    def __init__(self, chart: Chart, companion: FakeRecord) -> None:
        self._chart = chart
        self._companion = companion
        self._purge = FakeRecordPurge(chart)

    def means(self, resource_type: str) -> PurgeMeans:
        return self._purge.means(resource_type)

    def purge(self, reference: Reference) -> Mapping[str, str]:
        self._companion.forget_versions(reference)
        return self._purge.purge(reference)

    def everything(self, patient: PatientId) -> Iterator[Json]:
        return self._purge.everything(patient)

    def binary_answers(self, reference: Reference, versions: Sequence[str]) -> list[Answered]:
        return self._purge.binary_answers(reference, versions)

    def versions(self, reference: Reference) -> Mapping[str, Json | None]:
        kind = reference.split("/")[0]
        if kind not in self._chart.capability().interactions:
            if kind == "Binary":
                raise RecordRefused("Binary: 403", status=403, code="forbidden")
            found: Mapping[str, Json | None] = {}
        else:
            found = self._purge.versions(reference)
        here = self._companion.versions_of(reference)
        return {**found, **{f"companion/{version}": resource for version, (resource, _) in here.items()}}


def copy_in_chart(document: Reference | None = DOCUMENT, **changes: Any) -> ChartCopy:
    """One copy as the register keeps it."""
    made = ChartCopy(
        id="copy-1",
        fhir_base=BASE,
        patient=AMY,
        image=IMAGE,
        image_id=ImageId(INTIMATE),
        capture_id=CaptureId("capture-1"),
        rung=Rung.PDF,
        state=CopyState.IN_CHART,
        since=START,
        document=document,
        content_type="application/pdf",
        digest="d",
    )
    return replace(made, **changes)


def document_of(content: bytes = PDF, id: str = "copy-1") -> Json:
    """The DocumentReference of the copy."""
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "subject": {"reference": f"Patient/{AMY}"},
        "description": "A picture, kept whole in the app",
        "content": [
            {"attachment": {"contentType": "application/pdf", "data": base64.b64encode(content).decode("ascii")}}
        ],
    }


class BesideBench(DestroyingBench):
    """`chart`: what the EHR allows. The copy is in the chart, unless `copy` says that there is none there."""

    def __init__(self, chart: Chart | None = None, copy: ChartCopy | None = None, **more: Any) -> None:
        self.chart = chart or Chart()
        self.companion = FakeRecord()
        both = CompositeRecord(self.chart, self.companion)
        purge = TwoPurges(self.chart, self.companion)
        super().__init__(record=cast(Any, both), purge=cast(Any, purge), fill=False, **more)
        self.opinion = self.vault.put(b"none", compartment=cast(Any, "opinion"), owner="opinion-1")
        self.chart.file_copy({"resourceType": "Patient", "id": str(AMY), "name": [{"text": "Amy Example"}]})
        self.companion.create_binary(BYTES, "image/jpeg", id=BINARY.split("/")[1], security_context=IMAGE)
        self.companion.put(media(INTIMATE, AMY, FOREARM, [RESTRICTED], BINARY.split("/")[1]))
        self.copy = copy or copy_in_chart()
        self.copies.save(self.copy)
        if self.copy.document is not None:
            self.chart.file_copy(document_of())

    def copy_now(self) -> ChartCopy:
        [found] = self.copies.of_image(BASE, IMAGE)
        return found

    def by_hand(self) -> list[str]:
        """What is on the list to be done by hand."""
        return [each.words for each in self.worklist.of_patient(BASE, AMY) if each.kind == "chart-copy"]
