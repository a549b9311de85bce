"""A new request that is sent twice is there once."""

from __future__ import annotations

import uuid

from fhir_plugin.disclose.desk.values import Facts
from mappings.model.disclosure_request import RequestState
from tests.disclose.desk.bench import AMY, COLLEAGUE, HERE, OFFICER, SAID, DeskBench


def test_the_same_page_sent_twice_is_one_request_noted_and_held_once() -> None:
    bench = DeskBench()
    facts = Facts(SAID | {"received": bench.parts.today.isoformat()})
    first = bench.desk.begin(OFFICER, facts, once="page")
    changed = bench.desk.change(OFFICER, first.id, Facts({"purpose": "A claim"}), revision=0)
    assert bench.desk.begin(OFFICER, facts, once="page") == changed, "as it is by now"
    assert uuid.UUID(first.id).version == 4 and first.state is RequestState.OPEN
    assert len(bench.audit.entries(action="disclosure.opened")) == 1
    assert len(bench.worklist.of_patient(HERE, AMY)) == 1


def test_another_page_other_words_or_another_person_ask_anew() -> None:
    bench = DeskBench()
    facts = Facts(SAID | {"received": bench.parts.today.isoformat()})
    other = Facts({**facts.said, "recipient": "Somebody else"})
    made = [
        bench.desk.begin(OFFICER, facts, once="page"),
        bench.desk.begin(OFFICER, facts, once="another"),
        bench.desk.begin(OFFICER, other, once="page"),
        bench.desk.begin(COLLEAGUE, facts, once="page"),
        bench.desk.begin(OFFICER, facts),
        bench.desk.begin(OFFICER, facts),
    ]
    assert len({each.id for each in made}) == len(made) == len(bench.requests.of_patient(HERE, AMY))
