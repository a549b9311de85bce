"""What somebody refused at our link themselves stands in the engine, whoever answers for them since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ConsentAnswer
from mappings.model.situation import Authority
from tests.policy.situations import ADULT

NO = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)
NOBODY_CAN: dict[str, Any] = {
    "capacity_doubt": True,
    "lacks_capacity": True,
    "authority": Authority.NONE_KNOWN,
    "consent_receive": ConsentAnswer.NOT_ASKED,
    "consent_store": ConsentAnswer.NOT_ASKED,
}


@pytest.mark.parametrize("no", NO)
@pytest.mark.parametrize("since", [{}, NOBODY_CAN])
def test_their_no_stops_what_they_said_it_about(no: ConsentAnswer, since: dict[str, Any]) -> None:
    stored = rule(replace(ADULT, patient_store=no, **since), shipped_pack())
    assert stored.acts[Act.STORE] is May.NO
    assert stored.acts[Act.REVEAL] is not May.NO
    received = rule(replace(ADULT, patient_receive=no, **since), shipped_pack())
    assert {received.acts[act] for act in (Act.STORE, Act.DESCRIBE, Act.REVEAL)} == {May.NO}
    assert received.acts[Act.DISCARD] is not May.NO


def test_only_words_about_asking_again_open_it() -> None:
    said = replace(ADULT, patient_store=ConsentAnswer.REFUSED, asked_again="Rang her at ten: she wants it kept now")
    assert rule(said, shipped_pack()).acts[Act.STORE] is May.YES
    again = replace(said, consent_store=ConsentAnswer.REFUSED)
    assert rule(again, shipped_pack()).acts[Act.STORE] is May.NO
    assert rule(replace(said, asked_again="ok"), shipped_pack()).acts[Act.STORE] is May.NO
