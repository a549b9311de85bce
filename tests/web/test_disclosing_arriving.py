"""What meets people at the desk before any item: a request sent twice, what waits for whom, and what was sent."""

from __future__ import annotations

import re

from mappings.model.disclosure import Release
from mappings.model.disclosure_request import DisclosureRequest
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.fake_desk import OWN, an_item
from tests.web.test_disclosing import SAID, officer


def made_of(parts: FakeParts) -> list[DisclosureRequest]:
    return list(parts.desk.requests.values())


def once_in(page: str) -> str:
    [found] = re.findall(r'name="once" value="([\w-]{24})"', page)
    assert isinstance(found, str)
    return found


def test_the_same_page_sent_twice_is_one_request_read_once(person: Person, parts: FakeParts) -> None:
    officer(parts)
    read: list[int] = []
    parts.desk.fresh = lambda: [an_item(len(read), Release(OWN)) for _ in [read.append(1)]]
    typed = {**SAID, "once": once_in(person.get("disclosures/new?requester=insurer").text)}
    first, second = (person.post("disclosures/new", typed) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"] and len(made_of(parts)) == 1
    assert len(read) == 1


def test_every_new_page_is_its_own_and_one_that_comes_back_stays_itself(person: Person, parts: FakeParts) -> None:
    officer(parts)
    keys = [once_in(person.get("disclosures/new?requester=insurer").text) for _ in range(2)]
    assert len(set(keys)) == 2
    wrong = person.post("disclosures/new", {**SAID, "recipient": "", "once": keys[0]})
    assert wrong.status_code == 422 and once_in(wrong.text) == keys[0]
    for key in keys:
        assert person.post("disclosures/new", {**SAID, "once": key}).status_code == 303
    assert len(made_of(parts)) == 2
