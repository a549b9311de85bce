"""A copy that is kept for the audit alone takes its picture's labels, as far as anybody can read them."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.decide.facts import Fact
from mappings.model.identifiers import Reference
from mappings.model.label_change import ImageLabel
from mappings.terminology.labels import UNREADABLE
from tests.disclose.desk.bench import AMY, HERE, DeskBench
from tests.disclose.desk.test_items import ARM, hide
from tests.fakes.whole_record import NORMAL, ORDINARY


@pytest.mark.parametrize("where", ["here", "in the record"])
def test_a_label_that_nobody_can_read_restricts_the_copy_and_stops_no_reading(where: str) -> None:
    bench = DeskBench()
    if where == "here":
        bench.labels.keep(ImageLabel(HERE, Reference(ARM), AMY, labels=(UNREADABLE,)))
    else:
        media = bench.record.read("Media", ORDINARY)
        bench.record.put({**media, "meta": {"security": [NORMAL, {"display": "what is this?"}]}})
    copy = hide(bench, ARM)
    request = bench.gathered()
    assert dict(request.not_read) == {}
    assert Fact.RESTRICTED in bench.desk._thinking.decision(request).facts[copy]
