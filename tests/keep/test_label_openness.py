"""A stricter label never lets more out, whoever asks: the labels of a raise against the rules of disclosure."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.decide import judge_for, on_their_word
from mappings.model.disclosure import Requester, openness
from mappings.model.label_change import LEVELS, LabelLevel, level_of, raised
from mappings.model.labels import Label
from mappings.r4.elements import security
from mappings.terminology.labels import known_labels

LABELS = st.lists(st.sampled_from(list(known_labels())), max_size=5, unique=True)
TODAY = dt.date(2026, 11, 22)


def media(labels: list[Label]) -> dict[str, object]:
    return {
        "resourceType": "Media",
        "id": "m",
        "meta": {"security": security(labels)},
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "bodySite": {"text": "Forearm"},
        "createdDateTime": "2026-02-03",
        "content": {"contentType": "image/jpeg", "url": "Binary/b"},
    }


@pytest.mark.parametrize("requester", Requester)
@given(before=LABELS, level=st.sampled_from(LEVELS), child=st.booleans())
@settings(max_examples=30)
def test_no_requester_gets_more_after_a_raise(
    requester: Requester, before: list[Label], level: LabelLevel, child: bool
) -> None:
    assume(LEVELS.index(level) >= LEVELS.index(level_of(before)))
    judge = judge_for(on_their_word(requester, TODAY))
    after = list(raised(before, level, child=child))
    assert openness(judge(media(after))) <= openness(judge(media(before)))
