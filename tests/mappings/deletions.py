"""Requests for permanent deletion as Hypothesis strategies and one example. No person in here is real."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from mappings.model.deletion import (
    BoundImage,
    CaseId,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    ItemId,
    Looked,
    Principle,
    Proof,
    Signed,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference
from tests.mappings.samples import CLINICIAN, NOW, ids, instants, references

GUARDIAN = Reference("Practitioner/guardian-1")
DIGEST = "d" * 64
BASE = FhirBase("https://ehr.example/fhir")

approval = Signed(GUARDIAN, "Dr Guardian", NOW, frozenset(Principle), "Seen and agreed about Mary Example")
proven = Proof(NOW, (Looked("record-read", NOW),))
not_proven = Proof(NOW, (Looked("record-history", NOW, ("Media/m1/_history/1",)),), ("Ask for a purge",))


def an_item(**changes: Any) -> DeletionItem:
    values: dict[str, Any] = {
        "id": ItemId("item-1"),
        "image": BoundImage(Reference("Media/m1"), "3", DIGEST, (Reference("Binary/b1"),)),
        "title": "Left breast of Mary Example",
    }
    return DeletionItem(**(values | changes))


def a_case(*items: DeletionItem, **changes: Any) -> DeletionCase:
    values: dict[str, Any] = {
        "id": CaseId("case-1"),
        "fhir_base": BASE,
        "patient": PatientId("p1"),
        "revision": 1,
        "created": NOW,
        "due": dt.date(2026, 12, 4),
        "reason": DeletionReason.ERASURE_REQUEST,
        "items": items or (an_item(),),
        "requested_by": CLINICIAN,
        "requested_by_name": "Dr Example",
        "words": "Mary Example asked on the telephone",
        "described": "Typed in the consultation of 20 November",
        "instead": "Hiding would still keep the breast of Mary Example",
        "policy": "strict 1.0",
        "patient_name": "Mary Example",
        "nhs_number": "9991234567",
        "seen_by": ("Dr Example saw it on 20 November",),
    }
    return DeletionCase(**(values | changes))


signed = st.builds(
    Signed,
    by=st.one_of(references("Practitioner", "PractitionerRole"), st.just(Reference("system"))),
    by_name=st.text(max_size=10),
    at=instants,
)
items = st.builds(
    DeletionItem,
    id=ids.map(ItemId),
    image=st.builds(
        BoundImage,
        reference=references("Media", "DocumentReference"),
        version=st.sampled_from(["", "1", "W/x.2"]),
        digest=st.sampled_from(["", DIGEST]),
        binaries=st.lists(references("Binary"), max_size=2).map(tuple),
    ),
    state=st.sampled_from(DeletionState),
    title=st.text(max_size=10),
    approval=st.none() | signed,
    rejection=st.none() | signed,
    cosigned=st.none() | signed,
    expires=st.none() | instants,
    why=st.sampled_from(["", "task-edited", "legal-hold"]),
    purged=st.lists(st.sampled_from(["vault", "binary", "image", "history"]), max_size=3).map(tuple),
    proof=st.none() | st.sampled_from([proven, not_proven]),
    certificate=st.none() | st.just(CertificateNumber("DC-2026-0001")),
)
cases = st.builds(
    DeletionCase,
    id=ids.map(CaseId),
    fhir_base=st.just(BASE),
    patient=ids.map(PatientId),
    revision=st.just(1),
    created=instants,
    due=st.dates(),
    reason=st.sampled_from(DeletionReason),
    items=st.lists(items, min_size=1, max_size=3).map(tuple),
    requested_by=references("Practitioner", "PractitionerRole"),
    requested_by_name=st.text(max_size=10),
    words=st.text(max_size=10),
    described=st.text(max_size=10) | references("DocumentReference"),
    policy=st.sampled_from(["", "strict 1.0"]),
)
