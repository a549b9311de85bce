"""Everything that the app writes to a record, in R4, as the tests of each mapping make it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from mappings.model.consent import PhotoConsent
from mappings.model.deletion import DeletionState
from mappings.model.filing import LabelledImage
from mappings.model.identifiers import Reference
from mappings.r4.communication_request import PhotoAskedStatus, to_communication_request
from mappings.r4.consent import to_consent
from mappings.r4.deletion_task import to_deletion_parent, to_deletion_task
from mappings.r4.document_reference import to_document_reference
from mappings.r4.hidden_stub import Form
from mappings.r4.note import to_note
from mappings.r4.questionnaire_response import to_questionnaire_response
from mappings.r4.tombstone import to_tombstone
from tests.mappings.deletions import approval, cases
from tests.mappings.samples import NOW, consents, decision_records, label_sets, labelled_images, notes
from tests.mappings.test_communication_request import ASKED
from tests.mappings.test_deletion_task import task
from tests.mappings.test_destruction_trace import destructions, told
from tests.mappings.test_destruction_trace import event as destruction_event
from tests.mappings.test_destruction_trace import provenance as destruction_provenance
from tests.mappings.test_disclosure_event import event as disclosure_event
from tests.mappings.test_disclosure_event import provenance as disclosure_provenance
from tests.mappings.test_golden import examples
from tests.mappings.test_hidden_stub import image, stub
from tests.mappings.test_label_change import change
from tests.mappings.test_label_change import provenance as label_provenance

Json = dict[str, Any]
ENCOUNTER: Final = Reference("Encounter/e1")


@cache
def written() -> dict[str, Json]:
    """One of each kind, by a name; no Media, which R5 does not have."""
    of_a_destruction = told()
    found = {name: one for name, one in examples().items() if one["resourceType"] not in ("Media", "OperationOutcome")}
    picture = image("DocumentReference")
    return {
        **found,
        **{f"stub-{form}": stub(picture, form) for form in Form},
        "tombstone": to_tombstone(picture),
        "task": task(),
        "task-approved": task(approval=approval, state=DeletionState.ACCEPTED),
        "photo-request": to_communication_request(replace(ASKED, status=PhotoAskedStatus.REVOKED), id="r1"),
        "destruction-provenance": destruction_provenance(of_a_destruction),
        "destruction-event": destruction_event(of_a_destruction, erased=True),
        "disclosure-provenance": disclosure_provenance(),
        "disclosure-event": disclosure_event(),
        "label-provenance": label_provenance(change()),
    }


def _document(labelled: LabelledImage) -> Json:
    return to_document_reference(labelled, binary_url="Binary/b1", id="d1")


def _consent(consent: PhotoConsent) -> Json:
    return to_consent(consent, images=[Reference("DocumentReference/d1")], id="c1")


anything: Final = st.one_of(
    labelled_images.map(_document),
    notes.map(to_note),
    consents.map(_consent),
    st.builds(to_questionnaire_response, decision_records, consents, labels=label_sets, encounter=st.just(ENCOUNTER)),
    cases.map(lambda case: to_deletion_parent(case, at=NOW, id="t0")),
    cases.map(lambda case: to_deletion_task(case, case.items[0], parent=Reference("Task/t0"), at=NOW, id="t1")),
    destructions.map(destruction_provenance),
    destructions.map(lambda one: destruction_event(one, erased=False)),
    st.sampled_from(sorted(written())).map(lambda name: written()[name]),
)
"""Any resource that the app may write, with any content that its types allow."""
