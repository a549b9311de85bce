"""How much the practice's record leaves to a person: few items, and none of those that speak of something else."""

from __future__ import annotations

import pytest

from mappings.model.disclosure import Requester
from tests.disclose.corpora.judged import judged, per_thousand, practice


@pytest.mark.parametrize("requester", [Requester.INSURER, Requester.PATIENT])
def test_few_items_of_the_practice_wait_and_none_in_vain(requester: Requester) -> None:
    record = practice()
    found = judged(record, requester)
    assert found["false alarms"] == 0
    assert per_thousand(found)["review"] <= 60 and per_thousand(found)["of"] == len(record)
    assert (found["redact"] > 0) == (requester is Requester.INSURER)
