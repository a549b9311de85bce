"""Whatever the app may have to write, as Hypothesis strategies of resources: every value that its types allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from mappings.model.consent import PhotoConsent
from mappings.model.decisions import DecisionRecord
from mappings.model.deletion import DeletionCase, DeletionItem
from mappings.model.deletion import DeletionState as S
from mappings.model.filing import ConsultationNote, LabelledImage
from mappings.model.identifiers import Reference
from mappings.model.labels import Intimacy, Label, Source, image_labels
from mappings.r4.consent import to_consent
from mappings.r4.deletion_task import to_deletion_parent, to_deletion_task
from mappings.r4.document_reference import to_document_reference
from mappings.r4.media import to_media
from mappings.r4.note import to_note
from mappings.r4.provenance import to_provenance
from mappings.r4.questionnaire_response import to_questionnaire_response
from mappings.r4.statement import statement
from tests.mappings.deletions import approval, cases, proven
from tests.mappings.samples import NOW, consents, decision_records, labelled_images, notes

Json = dict[str, Any]

IMAGE: Final = Reference("Media/m1")
labels = st.builds(
    image_labels,
    intimacy=st.sampled_from(Intimacy),
    private_site=st.booleans(),
    source=st.sampled_from(Source),
    patient_says_private=st.booleans(),
    child=st.booleans(),
)


def _labelled(image: LabelledImage, given: tuple[Label, ...]) -> LabelledImage:
    return replace(image, labels=given)


def _note(note: ConsultationNote, given: tuple[Label, ...]) -> Json:
    return to_note(replace(note, labels=given), id="n1")


def _decision(decision: DecisionRecord, consent: PhotoConsent, given: tuple[Label, ...]) -> Json:
    return to_questionnaire_response(decision, consent, labels=given, id="q1")


def _provenance(image: LabelledImage) -> Json:
    told = statement(image, consent="Consent/c1")
    return to_provenance(image, targets=[IMAGE], software_version="1", statement=told, jws="a..b", id="p1")


def _task(case: DeletionCase) -> Json:
    return to_deletion_task(case, _possible(case.items[0]), parent=Reference("Task/t1"), at=NOW, id="t2")


def _possible(item: DeletionItem) -> DeletionItem:
    """The item in a state that the app brings it into: decided by somebody, and certified when it is proven."""
    decided, done = item.state in (S.ACCEPTED, S.IN_PROGRESS, S.COMPLETED, S.FAILED), item.state is S.COMPLETED
    return replace(
        item,
        approval=item.approval or approval if decided else None,
        rejection=item.rejection or approval if item.state is S.REJECTED else None,
        proof=proven if done else None if item.proof is proven else item.proof,
        certificate=item.certificate if done else None,
    )


images = st.builds(_labelled, labelled_images, labels)
ANYTHING: Final[dict[str, st.SearchStrategy[Json]]] = {
    "photograph": images.map(lambda each: to_media(each, binary_url="Binary/b1", id="m1")),
    "photograph-document": images.map(lambda each: to_document_reference(each, binary_url="Binary/b1", id="d1")),
    "filing-provenance": images.map(_provenance),
    "photograph-consent": st.builds(
        lambda each, given: to_consent(each, images=[IMAGE], id="c1", labels=given), consents, labels
    ),
    "photograph-decision": st.builds(_decision, decision_records, consents, labels),
    "consultation-note": st.builds(_note, notes, labels),
    "deletion-request": cases.map(lambda case: to_deletion_parent(case, at=NOW, id="t1")),
    "deletion-of-image": cases.map(_task),
}
