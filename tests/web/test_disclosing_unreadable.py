"""A request that cannot be read is told wherever it is missing: nobody says that nothing was asked, or sent."""

from __future__ import annotations

import pytest

from fhir_plugin.errors import Refused
from tests.disclose.desk.bench import DOCTOR, OFFICER, TRIAGE, DeskBench
from tests.web.at_the_desk import a_request, officer
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


def test_the_desk_tells_of_requests_that_it_cannot_read(person: Person, parts: FakeParts) -> None:
    officer(parts)
    assert "Nobody has asked" in words_of(person.get("disclosures").text)
    parts.desk.damaged = 2
    said = words_of(person.get("disclosures").text)
    assert "2 requests cannot be read" in said and "Nobody has asked" not in said
    a_request(parts)
    said = words_of(person.get("disclosures").text)
    assert "2 requests cannot be read" in said and "Acme Insurance" in said


def test_the_accounting_never_says_that_nothing_was_sent_where_that_cannot_be_known(
    person: Person, parts: FakeParts
) -> None:
    officer(parts)
    assert "Nothing has been sent." in words_of(person.get("disclosures/accounting").text)
    parts.desk.damaged = 1
    said = words_of(person.get("disclosures/accounting").text)
    assert "1 request cannot be read" in said and "Nothing has been sent." not in said


def test_no_sheet_is_given_that_leaves_one_out() -> None:
    bench = DeskBench()
    assert b"".join(bench.desk.accounting_sheet(OFFICER, ())).startswith(b"%PDF")
    bench.requests.damaged = 1
    with pytest.raises(Refused) as raised:
        bench.desk.accounting_sheet(OFFICER, ())
    assert raised.value.code == "accounting-incomplete"
    assert bench.desk.unreadable(DOCTOR) == 1
    with pytest.raises(Refused):
        bench.desk.unreadable(TRIAGE)
