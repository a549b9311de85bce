"""The labels that answers give an image, and their high-water mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.capture.label import labels_for
from fhir_plugin.capture.order import highest
from mappings.model.images import Photographer
from mappings.model.labels import (
    ASSERTED_BY_CLINICIAN,
    CONFIDENTIALITY,
    NORMAL,
    REPORTED_BY_PATIENT,
    REPORTED_BY_PROXY,
    RESTRICTED,
    SEXUALITY,
    VERY_RESTRICTED,
    YOUNG,
    Intimacy,
    Label,
    is_restricted,
)
from tests.capture.bench import PRIVATE, Bench


@pytest.mark.parametrize(
    ("photographer", "reporter"),
    [
        (Photographer.CLINICIAN, ASSERTED_BY_CLINICIAN),
        (Photographer.COLLEAGUE, ASSERTED_BY_CLINICIAN),
        (Photographer.PATIENT, REPORTED_BY_PATIENT),
        (Photographer.PARENT, REPORTED_BY_PROXY),
        (Photographer.OTHER, REPORTED_BY_PROXY),
    ],
)
@pytest.mark.parametrize("intimacy", Intimacy)
@pytest.mark.parametrize("private_site", [True, False])
@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("child", [True, False])
def test_labels_by_answer(
    photographer: Photographer, reporter: Label, intimacy: Intimacy, private_site: bool, says: bool, child: bool
) -> None:
    labels = labels_for(
        intimacy=intimacy, private_site=private_site, photographer=photographer, patient_says_private=says, child=child
    )
    assert reporter in labels
    intimate = private_site or intimacy is Intimacy.INTIMATE
    assert is_restricted(labels) == (intimate or says or child or intimacy is not Intimacy.NO)
    assert len(set(labels)) == len(labels)
    levels = [label for label in labels if label.system == CONFIDENTIALITY]
    assert len(levels) == 1, "one confidentiality for each image"
    assert (levels == [VERY_RESTRICTED]) == (intimate and child), "the strictest label there is (G-R186)"
    assert (YOUNG in labels) == child
    assert (SEXUALITY in labels) == intimate


LABELS = st.builds(
    labels_for,
    intimacy=st.sampled_from(Intimacy),
    private_site=st.booleans(),
    photographer=st.sampled_from(Photographer),
    child=st.booleans(),
)
REPORTERS = {ASSERTED_BY_CLINICIAN, REPORTED_BY_PATIENT, REPORTED_BY_PROXY}


@given(sets=st.lists(LABELS, max_size=5))
def test_the_high_water_mark_is_never_below_any_image(sets: list[tuple[Label, ...]]) -> None:
    mark = highest(sets)
    assert is_restricted(mark) == any(is_restricted(each) for each in sets)
    assert not REPORTERS & set(mark)
    for each in sets:
        if is_restricted(each):
            assert set(each) - REPORTERS - {RESTRICTED} <= set(mark)
    assert sum(label.system == CONFIDENTIALITY for label in mark) == 1
    assert (VERY_RESTRICTED in mark) == any(VERY_RESTRICTED in each for each in sets)
    assert (NORMAL in mark) == (not is_restricted(mark))


@pytest.mark.parametrize(("more", "restricted"), [({}, False), (PRIVATE, True)])
def test_everything_written_for_a_capture_carries_its_labels(more: dict[str, str], restricted: bool) -> None:
    bench = Bench()
    _, receipt = bench.filed(consent_form="written", **more)
    record = bench.record
    for reference in (receipt.filed[0].reference, receipt.consent, receipt.note):
        assert reference is not None
        resource = record.read(*reference.split("/"))
        labels = [Label(each["system"], each["code"]) for each in resource["meta"]["security"]]
        assert is_restricted(labels) == restricted
    assert receipt.filed[0].show_online is (not restricted)
    assert not any("SEX" in words for words in receipt.filed[0].labels)
