"""Whether the patient's page says that other uses are possible is the pack's to decide (G-R22, G-R230)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.policy.choices import SecondaryUse
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.web.patient.door import organisations_words


@pytest.mark.parametrize("value", list(SecondaryUse))
@pytest.mark.parametrize("explained", [True, False])
def test_the_patient_s_page_speaks_of_other_uses_where_the_pack_says_so(value: SecondaryUse, explained: bool) -> None:
    pack = replace(shipped_pack(), secondary_use=value, secondary_explained=explained)
    told = pack.wording.secondary_use in organisations_words(pack, parent=False)
    assert told == (explained and value is not SecondaryUse.NEVER)
