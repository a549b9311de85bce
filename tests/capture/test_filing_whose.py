"""Nothing is filed for another patient than the page's, nor for one whose details changed or who has died."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.errors import Incomplete, WrongPatient
from tests.capture.bench import PATIENT, SESSION, Bench


def test_the_page_of_another_patient_files_nothing() -> None:
    bench = Bench()
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    with pytest.raises(WrongPatient):
        bench.file(capture, patient_id="p2")
    assert bench.draft(capture).state is DraftState.OPEN


@pytest.mark.parametrize(
    "change",
    [
        {"name": [{"family": "Other"}]},
        {"birthDate": "1980-05-02"},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990548609"}]},
        {"deceasedBoolean": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_patient_whose_details_changed_meanwhile_is_not_filed_for(change: dict[str, Any]) -> None:
    bench = Bench()
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    bench.patient |= change
    with pytest.raises(WrongPatient):
        bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)
    assert bench.ledger.unsettled() == []
    assert PATIENT["name"][0]["family"] not in digest


def test_a_merged_patient_is_not_filed_for() -> None:
    bench = Bench()
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    bench.patient["link"] = [{"type": "replaced-by", "other": {"reference": "Patient/p9"}}]
    with pytest.raises(WrongPatient, match="merged"):
        bench.captures.file(SESSION, capture, patient_id="p1", identity_digest=digest)


def test_somebody_who_has_died_is_held() -> None:
    bench = Bench(patient={**PATIENT, "deceasedDateTime": "2025-01-01"})
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "store"})
    with pytest.raises(Incomplete) as raised:
        bench.file(capture)
    assert set(raised.value.fields) == {"known_wishes"}
    assert bench.ledger.unsettled() == []
