"""The warning in every page of a launch, and the words that a late form gives back."""

from __future__ import annotations

import re

import pytest

from fhir_plugin.web.staying import _QUESTIONS
from tests.web.conftest import Person
from tests.web.fake import FakeParts

HOSTILE = '</textarea><script>alert(1)</script> "quoted" & <b>bold</b>'


def expire(parts: FakeParts) -> None:
    parts.sessions.known.clear()


@pytest.mark.parametrize("path", ["", "captures/{capture}", "images/Media/m1"])
def test_every_page_of_a_launch_knows_its_time(person: Person, parts: FakeParts, path: str) -> None:
    capture, _ = person.ready()
    parts.sessions.left.idle_seconds = 1234
    page = person.get(path.format(capture=capture)).text
    assert 'data-idle="1234" data-absolute="28800" data-warn="120"' in page
    assert 'data-address="/l/amy/session"' in page
    assert re.search(r'role="alertdialog" aria-labelledby="(\S+)" aria-describedby="(\S+)"', page)


def test_without_scripts_the_page_itself_says_how_long_there_is(person: Person) -> None:
    page = person.get().text
    assert re.search(r"<noscript>.*after 30 minutes without pressing anything.*</noscript>", page)


def test_a_fragment_carries_no_second_warning(person: Person) -> None:
    capture, _ = person.ready()
    answer = person.client.put(
        f"/l/amy/captures/{capture}/answers", data=person.guard, headers={**person.script_headers, "HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert "session-ending" not in answer.text


def test_a_form_after_the_end_gives_the_words_back_and_to_nobody_else(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    expire(parts)
    typed = {"findings": HOSTILE, "advice": "Rest.\nFluids.", "consent_store": "given", "purpose": "  "}
    late = person.post(f"captures/{capture}/file", typed)
    assert late.status_code == 401
    assert late.headers["Cache-Control"] == "no-store"
    assert late.headers["WWW-Authenticate"].startswith("Launch")
    assert "Rest.\nFluids.</textarea>" in late.text
    assert "&lt;/textarea&gt;&lt;script&gt;" in late.text and "<b>bold" not in late.text
    assert "This page has expired" in late.text and "open the app again" in late.text
    assert late.text.count("<textarea") == 2, "choices and empty fields are not words"
    assert "Amy" not in late.text and person.guard["csrf_token"] not in late.text
    again = person.get()
    assert again.status_code == 401 and "Fluids" not in again.text


def test_a_form_without_the_token_gives_nothing_back(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    expire(parts)
    person.guard.pop("csrf_token")
    refused = person.post(f"captures/{capture}/file", {"findings": "Words of another site"})
    assert refused.status_code == 400
    assert "Words of another site" not in refused.text


def test_a_script_is_told_and_gets_no_page(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    expire(parts)
    answer = person.post(f"captures/{capture}/answers", {"findings": "Words"}, **person.script_headers)
    assert answer.status_code == 401
    assert answer.json is not None and answer.json["error"]["code"] == "session-expired"
    assert "Words" not in answer.text


def test_every_field_for_words_is_known_by_its_question(person: Person) -> None:
    capture, _ = person.ready()
    page = person.get(f"captures/{capture}").text
    fields = set(re.findall(r'<textarea[^>]*name="([^"]+)"', page))
    assert {"purpose", "findings", "advice"} < fields
    for name in fields:
        question = _QUESTIONS[name.partition("-")[0]]
        label = re.search(rf'<label[^>]*for="{name}"[^>]*>\s*(.+?)\s*</label>', page, re.DOTALL)
        own = ("Why it is worth keeping", "Why is this picture needed, if not for the reason of all?")
        assert label and label[1] in (question, *own)


def test_a_page_that_reloads_itself_says_that_nobody_does(person: Person, parts: FakeParts) -> None:
    parts.sessions.touched.clear()
    assert person.client.get("/l/amy/?unattended=1").status_code == 200
    assert parts.sessions.touched == []
    person.get()
    assert parts.sessions.touched == ["amy"]
