"""Long records and busy practices: a leaf of the list at a time, and every item on exactly one."""

from __future__ import annotations

import re

import pytest

from fhir_plugin.web.disclosing.leaves import leaf
from mappings.model.disclosure import Redact, Release
from tests.web.at_the_desk import a_request, officer, path
from tests.web.conftest import Person
from tests.web.desk_record import OWN, PRIVATE, an_item
from tests.web.fake import FakeParts
from tests.web.test_home import words_of


@pytest.mark.parametrize(
    ("said", "number", "first", "last"),
    [
        (None, 1, 1, 4),
        ("1", 1, 1, 4),
        ("3", 3, 9, 10),
        ("99", 3, 9, 10),
        ("0", 1, 1, 4),
        ("-1", 1, 1, 4),
        ("²", 1, 1, 4),
    ],
)
def test_whatever_an_address_says_there_is_a_leaf(said: str | None, number: int, first: int, last: int) -> None:
    found = leaf(range(10), said, 4)
    assert (found.number, found.first, found.last, found.leaves, found.whole) == (number, first, last, 3, 10)
    assert found.here == tuple(range(first - 1, last))
    assert (found.before is None, found.after is None) == (number == 1, number == 3)
    assert leaf([], said, 4).here == ()


def test_a_record_of_a_thousand_entries_is_listed_in_leaves(person: Person, parts: FakeParts) -> None:
    officer(parts)
    parts.desk.fresh = lambda: [an_item(n, Release(OWN) if n < 900 else Redact(PRIVATE)) for n in range(1000)]
    request = a_request(parts)
    seen: list[str] = []
    for number in range(1, 6):
        page = person.get(f"disclosures/{request.id}?page={number}")
        assert len(page.data) < 250_000
        seen += re.findall(r'id="box-(\w+)"', page.text)
    assert len(seen) == len(set(seen)) == 1000
    said = words_of(page.text)
    assert "Items 801 to 1000 of 1000." in said and "Masked 100" in said and "Goes out 900" in said
    first = person.get(f"disclosures/{request.id}").text
    assert 'href="#group-out"' in first and f'{request.id}?page=5#group-masked"' in first
    late = person.get(path(request, "Media/m999"))
    assert "Items 801 to 1000" in words_of(late.text), "an open item is on the leaf that shows"


def test_five_hundred_requests_of_a_practice_are_listed_fifty_at_a_time(person: Person, parts: FakeParts) -> None:
    officer(parts)
    for _number in range(120):
        a_request(parts, "sam")
    for number, rows in ((1, 50), (2, 50), (3, 20)):
        page = person.get(f"disclosures?page={number}").text
        assert page.count('<li class="app-work__item') == rows
    assert "Requests 101 to 120 of 120." in words_of(page)
