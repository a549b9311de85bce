"""What is proven, with everything in it that a certificate must not say."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.delete.attest import ATTESTED_PLACES
from fhir_plugin.delete.places import PLACES
from mappings.model.deletion import (
    Attested,
    BoundImage,
    CaseId,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    Happened,
    ItemId,
    Looked,
    Principle,
    Proof,
    Signed,
)
from mappings.model.identifiers import FhirBase, PatientId, Reference
from tests.fakes.clock import START

CANARY = "canary that nobody may read"
GUARDIAN, OFFICER = Reference("Practitioner/guardian"), Reference("Practitioner/officer")


def proven(**changes: object) -> tuple[DeletionCase, DeletionItem]:
    """A case with one item that is destroyed and proven."""
    looked = tuple(Looked(place, START + dt.timedelta(seconds=each)) for each, place in enumerate(PLACES))
    item = DeletionItem(
        id=ItemId("3f0d1a52-77b1-4a54-8a55-0d6a2a3f7a01"),
        image=BoundImage(Reference("Media/photo-1"), "3", "ab" * 32, (Reference("Binary/bytes-1"),)),
        state=DeletionState.COMPLETED,
        title=CANARY,
        approval=Signed(GUARDIAN, f"Dr {CANARY}", START, frozenset(Principle), CANARY),
        cosigned=Signed(OFFICER, CANARY, START, frozenset(), CANARY),
        purged=("vault", "binary", "image", "history"),
        proof=Proof(START + dt.timedelta(minutes=1), looked),
        timeline=(Happened("proven", START, words=CANARY),),
    )
    case = DeletionCase(
        id=CaseId("0b7c5a80-2f2b-4a0b-9a6e-6f3d5f2f1c11"),
        fhir_base=FhirBase("https://ehr.example/fhir"),
        patient=PatientId("amy"),
        revision=7,
        created=START,
        due=dt.date(2026, 12, 1),
        reason=DeletionReason.NO_CONSENT,
        items=(item,),
        requested_by=Reference("Practitioner/gp"),
        requested_by_name=CANARY,
        words=CANARY,
        described=CANARY,
        instead=CANARY,
        policy="strict 2026.1",
        patient_name=CANARY,
        nhs_number="9990000018",
        seen_by=(CANARY,),
        attested=(
            Attested(next(iter(ATTESTED_PLACES)), CANARY, OFFICER, dt.date(2026, 11, 20)),
            Attested("own-backups", CANARY),
        ),
    )
    case = replace(case, **changes)  # type: ignore[arg-type]  # by name, in tests alone
    return case, case.items[0]
