"""Two tabs of one capture: what one has said, the other does not take back unread; nobody is warned of themselves."""

from __future__ import annotations

import re
from html import unescape

import pytest

from mappings.model.identifiers import CaptureId
from tests.web.conftest import READY, Person
from tests.web.fake import FakeParts

LOOK_AGAIN = "Somebody, perhaps you in another tab, has changed these answers."
SCRIPT = {"HX-Request": "true"}


def tab(person: Person, capture: str) -> dict[str, str]:
    """What a page drawn now says of itself."""
    text = person.get(f"captures/{capture}").text
    found = {name: re.search(rf'name="{name}" value="([^"]+)"', text) for name in ("answers_seen", "page")}
    return {name: unescape(each[1]) for name, each in found.items() if each}


def seen_in(text: str) -> str:
    found = re.search(r'name="answers_seen" value="([^"]+)"', text)
    assert found
    return found[1]


def stored(parts: FakeParts, capture: str) -> str:
    return parts.captures.drafts[CaptureId(capture)].answers.said("consent_store")


def test_each_page_says_what_it_saw_and_which_it_is(person: Person) -> None:
    capture, _ = person.ready()
    first, second = tab(person, capture), tab(person, capture)
    assert set(first) == {"answers_seen", "page"}
    assert first["answers_seen"] == second["answers_seen"] and first["page"] != second["page"]


@pytest.mark.parametrize("path", ["file", "answers", "images/{image}/discard", "second-person/ask"])
def test_a_tab_that_was_left_open_does_not_take_back_a_refusal(person: Person, parts: FakeParts, path: str) -> None:
    capture, image = person.ready()
    old, new = tab(person, capture), tab(person, capture)
    said = person.post(f"captures/{capture}/answers", {**new, "consent_store": "refused"}, **SCRIPT)
    assert said.status_code == 200
    pressed = person.post(f"captures/{capture}/{path.format(image=image)}", {**READY, **old, "because": "duplicate"})
    assert pressed.status_code == 409
    assert LOOK_AGAIN in pressed.text
    assert re.search(r'name="consent_store"[^>]*value="refused" checked', pressed.text), "the answers as they are"
    assert stored(parts, capture) == "refused" and parts.captures.filed_with == []


def test_its_autosave_and_one_tap_are_refused_and_keep_the_words(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    old, new = tab(person, capture), tab(person, capture)
    person.post(f"captures/{capture}/answers", {**new, "consent_store": "refused"}, **SCRIPT)
    for also in ({}, {"at_once": "agreed"}):
        saved = person.post(f"captures/{capture}/answers", {**READY, **old, **also}, **SCRIPT)
        assert saved.status_code == 409
        assert saved.json is not None and LOOK_AGAIN.rstrip(".") in saved.json["error"]["title"]
    assert stored(parts, capture) == "refused"


def test_a_page_drawn_again_goes_on(person: Person) -> None:
    capture, _ = person.ready()
    old, new = tab(person, capture), tab(person, capture)
    person.post(f"captures/{capture}/answers", {**new, "advice": "Rest."}, **SCRIPT)
    refused = person.post(f"captures/{capture}/file", {**READY, **old})
    assert refused.status_code == 409
    again = {"answers_seen": seen_in(refused.text), "page": "another"}
    assert person.post(f"captures/{capture}/file", {**READY, **again}).status_code == 303


def test_filing_while_an_autosave_of_the_same_page_is_under_way_is_no_alarm(person: Person) -> None:
    capture, _ = person.ready()
    page = tab(person, capture)
    person.post(f"captures/{capture}/answers", {**page, "consent_store": "refused"}, **SCRIPT)
    person.post(f"captures/{capture}/answers", {**page, "advice": "Its answer was lost"}, **SCRIPT)
    assert person.post(f"captures/{capture}/file", {**READY, **page}).status_code == 303


def save(person: Person, capture: str, page: dict[str, str], number: int | None, **said: str) -> int:
    which = page["page"] if number is None else f"{page['page']}.{number}"
    return person.post(f"captures/{capture}/answers", {**page, "page": which, **said}, **SCRIPT).status_code


def advice(parts: FakeParts, capture: str) -> str:
    return parts.captures.drafts[CaptureId(capture)].answers.said("advice")


def test_of_two_saves_of_one_page_the_later_stands_whichever_comes_first(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    page = tab(person, capture)
    for number, words in ((2, "Rest, and a plaster."), (1, "Rest"), (10, "Rest."), (9, "Rest, and")):
        assert save(person, capture, page, number, advice=words) == 200, "nobody is alarmed by what came late"
    assert advice(parts, capture) == "Rest."


def test_a_late_save_does_not_take_back_what_a_button_took_along(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    page = tab(person, capture)
    save(person, capture, page, 1, advice="Re")
    form = {**READY, **page, "page": f"{page['page']}.3", "advice": "Rest."}
    assert person.post(f"captures/{capture}/images/{image}/edit", form).status_code == 303
    assert save(person, capture, page, 2, advice="Res") == 200
    assert advice(parts, capture) == "Rest."


def test_a_page_drawn_anew_begins_to_count_anew(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    before = tab(person, capture)
    save(person, capture, before, 7, advice="Rest.")
    after = tab(person, capture)
    assert save(person, capture, after, 1, advice="Rest. Come back.") == 200
    assert save(person, capture, before, 6, advice="Rest") == 409, "of the page that is gone: refused, not taken"
    assert advice(parts, capture) == "Rest. Come back."


def test_numbers_of_one_tab_say_nothing_about_another(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    one, two = tab(person, capture), tab(person, capture)
    save(person, capture, one, 5, advice="Rest.")
    assert save(person, capture, two, 9, advice="From the tab left open") == 409
    assert advice(parts, capture) == "Rest."


@pytest.mark.parametrize("odd", ["", "x", "-1", "1.5", "\u0663", "9" * 5000])
def test_what_is_no_number_counts_as_none(person: Person, parts: FakeParts, odd: str) -> None:
    """As without a script, where a page has saved when it is gone: what comes, stands."""
    capture, _ = person.ready()
    page = tab(person, capture)
    save(person, capture, page, 5, advice="Rest.")
    form = {**page, "page": f"{page['page']}.{odd}", "advice": "Rest. Come back."}
    assert person.post(f"captures/{capture}/answers", form, **SCRIPT).status_code == 200
    assert advice(parts, capture) == "Rest. Come back."
    assert save(person, capture, page, None, advice="Without a script.") == 200
    assert advice(parts, capture) == "Without a script."


def test_a_page_that_says_what_is_there_already_is_no_alarm(person: Person) -> None:
    capture, _ = person.ready()
    old, new = tab(person, capture), tab(person, capture)
    person.post(f"captures/{capture}/answers", {**new, "advice": "Rest."}, **SCRIPT)
    assert person.post(f"captures/{capture}/answers", {**old, "advice": "Rest."}, **SCRIPT).status_code == 200
