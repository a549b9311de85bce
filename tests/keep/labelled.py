"""Images with labels in a record, ours as filing leaves them and another system's, for the tests of labels."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mappings.model.filing import LabelledImage
from mappings.model.identifiers import CaptureId, ImageId, PatientId, Reference, Sha256
from mappings.model.images import Arrival, BodySite, CleanImage, Photographer
from mappings.model.kept import KeptImage
from mappings.model.label_change import ImageLabel
from mappings.model.labels import NORMAL, REPORTED_BY_PATIENT, Label
from mappings.model.people import Patient
from mappings.r4.document_reference import to_document_reference
from mappings.r4.elements import security
from mappings.r4.media import to_media
from mappings.r4.provenance import to_provenance
from mappings.r4.statement import statement
from tests.fakes.clock import START
from tests.fakes.practice_parts import PracticeBench
from tests.fakes.record import FakeRecord
from tests.fakes.worker import MAGIC
from tests.work.test_practice import GP, HERE

AMY = Patient(PatientId("amy"), "Amy LEE", dt.date(1984, 6, 21))
OURS = Reference("Media/m1")
FOREIGN = Reference("Media/x1")
ORDINARY = (NORMAL, REPORTED_BY_PATIENT)
JPEG = MAGIC + b"a thing"

Json = dict[str, Any]


def labelled(*labels: Label, site: BodySite | None = None, image_id: str = "img-1") -> LabelledImage:
    clean = CleanImage(ImageId(image_id), JPEG, "image/jpeg", 4, 3, Sha256("c" * 64), Sha256("e" * 64), b"")
    return LabelledImage(
        image=clean,
        labels=labels or ORDINARY,
        capture_id=CaptureId("capture-1"),
        patient=Reference("Patient/amy"),
        encounter=None,
        site=site or BodySite("14975008", "Forearm", paired=True),
        laterality=None,
        purpose="Rash",
        arrival=Arrival.OUR_LINK,
        photographer=Photographer.PATIENT,
        recorded_by=GP,
        recorded_at=START,
        captured=START - dt.timedelta(days=1),
        show_online=None,
        policy_version="strict/1",
    )


def filed(bench: PracticeBench, *labels: Label, reference: Reference = OURS, known: bool = True) -> Reference:
    """An image of ours as filing leaves it: bytes, resource, signed Provenance, registers. `known`: to our register of
    labels."""
    record = bench.record
    resource_type, id = reference.split("/")
    image = labelled(*labels, image_id=f"img-{id}")
    binary = record.create_binary(JPEG, "image/jpeg", id=f"b-{id}", security_context=None)
    write = to_media if resource_type == "Media" else to_document_reference
    record.put(write(image, binary_url=binary.reference, id=id))
    said = statement(image, consent=None)
    told = to_provenance(
        image, targets=[reference], software_version="1", statement=said, jws=bench.signer.sign(said), id=f"p-{id}"
    )
    record.put(told)
    kept = KeptImage(HERE, reference, PatientId("amy"), CaptureId("capture-1"), START, owner=GP, owner_name="Dr Shah")
    bench.kept.keep(kept)
    if known:
        bench.labels.keep(
            ImageLabel(
                HERE, reference, PatientId("amy"), image.labels, START, GP, "Dr Shah", Reference(f"Provenance/p-{id}")
            )
        )
    return reference


def foreign(bench: PracticeBench, *labels: Label, reference: Reference = FOREIGN, **changes: Any) -> Reference:
    """Another system's, without a label unless one is given."""
    resource_type, id = reference.split("/")
    binary = bench.record.create_binary(JPEG, "image/jpeg", id=f"b-{id}", security_context=None)
    resource: Json = {
        "resourceType": resource_type,
        "id": id,
        "status": "completed",
        "subject": {"reference": "Patient/amy"},
        "createdDateTime": "2026-02-03",
        "content": {"contentType": "image/jpeg", "url": binary.reference},
        **changes,
    }
    if labels:
        resource["meta"] = {"security": security(labels)}
    bench.record.put(resource)
    return reference


def on_server(bench: PracticeBench, reference: Reference) -> set[str]:
    """The codes of the labels that the record's own resource bears now."""
    resource = bench.record.read(*reference.split("/"))
    return {each["code"] for each in resource["meta"].get("security", [])}


def lose_labels(bench: PracticeBench, reference: Reference) -> None:
    """A server that loses them, without a new version."""
    assert isinstance(bench.record, FakeRecord)
    bench.record.tamper(reference, lambda meta: {name: each for name, each in meta.items() if name != "security"})


def provenances(bench: PracticeBench, reference: Reference) -> list[Json]:
    return bench.record.search("Provenance", {"target": reference})
