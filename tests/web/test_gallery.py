"""The gallery: plain about who, calm about what; no pixel of a sensitive picture before a reason."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest

from fhir_plugin.errors import RecordUnavailable
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, PatientId
from mappings.model.writeback import ChartCopy, CopyState, Rung
from tests.web.conftest import Person
from tests.web.fake import FakeParts


def test_the_patient_is_named_with_birth_date_and_a_number_one_can_read_aloud(person: Person) -> None:
    page = person.get()
    assert page.status_code == 200
    for words in ("Amy LEE", "21 June 1984", "999 000 0018", "Forearm, left", "From another system"):
        assert words in page.text


def test_where_the_ehr_shows_its_own_banner_ours_stays_away_and_the_name_is_on_the_button(person: Person) -> None:
    person.launch = "framed"
    page = person.get()
    assert "999 000 0018" not in page.text
    capture, _ = person.ready()
    screen = person.get(f"captures/{capture}")
    assert "999 000 0018" not in screen.text
    assert "File to Amy LEE’s record" in screen.text


def test_a_sensitive_picture_is_a_calm_tile_without_site_or_pixels(person: Person) -> None:
    page = person.get()
    assert "Private area" in page.text
    assert "Genital area" not in page.text
    assert "images/Media/m3/thumbnail" not in page.text
    for pixels in ("picture", "thumbnail"):
        refused = person.get(f"images/Media/m3/{pixels}")
        assert refused.status_code == 403
        assert not refused.data.startswith(b"\xff\xd8")
    alone = person.get("images/Media/m3")
    assert alone.status_code == 200
    assert "Genital area" not in alone.text
    assert "m3/picture" not in alone.text


def test_by_body_site_a_hidden_site_stays_hidden(person: Person) -> None:
    page = person.get("?by=site")
    assert page.text.index("Face") < page.text.index("Forearm, left")
    assert "Genital area" not in page.text
    assert "Body site hidden" in page.text


def test_one_tap_with_a_reason_reveals_for_this_session_only(person: Person, parts: FakeParts) -> None:
    person.get()
    answer = person.post("reveal", {"reference": "Media/m3", "reason": "Direct care"})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/l/amy/#Media-m3")
    assert parts.gallery.revealed == {"amy": "Direct care"}
    assert "Genital area" in person.get().text
    assert person.get("images/Media/m3/picture").status_code == 200
    person.launch = "framed"
    assert "Genital area" not in person.get().text


@pytest.mark.parametrize("reason", ["", "curious"])
def test_without_one_of_the_reasons_nothing_is_revealed(person: Person, parts: FakeParts, reason: str) -> None:
    person.get()
    assert person.post("reveal", {"reference": "Media/m3", "reason": reason}).status_code == 400
    assert parts.gallery.revealed == {}


@pytest.mark.parametrize("kind", ["Patient", "Binary", "..", "Observation"])
def test_only_kinds_that_hold_pictures_can_be_asked_for(person: Person, kind: str) -> None:
    assert person.get(f"images/{kind}/m1").status_code == 404
    assert person.get(f"images/{kind}/m1/picture").status_code == 404


def test_pictures_are_shown_never_kept_run_or_named(person: Person) -> None:
    headers = person.get("images/Media/m1/picture").headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Disposition"] == "inline"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_what_waits_is_a_line_with_a_way_on(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    parts.captures.extra_waiting = [
        parts.captures.waits(parts.captures.begin(parts.sessions.known["amy"]), "unresolved", "We keep checking.")
    ]
    page = person.get()
    assert f'href="/l/amy/captures/{capture}"' in page.text
    assert "We keep checking." in page.text


def test_an_empty_record_says_what_to_do(person: Person, parts: FakeParts) -> None:
    parts.gallery.items = []
    assert "No images of Amy LEE have been filed" in person.get().text


def test_a_server_that_is_down_is_said_so_and_when_to_try_again(person: Person, parts: FakeParts) -> None:
    parts.gallery.trouble = RecordUnavailable("The EHR does not answer.", retry_after=17)
    page = person.get()
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "17"
    assert "kept safely" in page.text


def test_a_tab_s_title_names_no_body_site(person: Person) -> None:
    links = set(re.findall(r'href="[^"]*/(images/\w+/\w+)"', person.get().text))
    assert links
    for link in links:
        assert "<title>Picture – Patient images</title>" in person.get(link).text


def test_what_the_ehr_has_of_a_picture_that_its_chart_does_not_take_is_said(person: Person, parts: FakeParts) -> None:
    item = parts.gallery.items[0]
    copy = ChartCopy(
        "copy-1", FhirBase("https://ehr.example/fhir"), PatientId("amy"), item.entry.reference, ImageId("i"),
        CaptureId("c"), Rung.PDF, CopyState.IN_CHART, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), reduced=True,
    )  # fmt: skip
    parts.gallery.items[0] = replace(item, in_chart=(copy,))
    said = "In the EHR: a PDF page with it (smaller)"
    assert said in person.get().text and said in person.get(f"images/{item.entry.reference}").text
    parts.gallery.items[0] = replace(item, in_chart=(replace(copy, state=CopyState.REMOVE_BY_HAND),))
    assert "a copy that has to be taken out by hand" in person.get().text
    parts.gallery.items[0] = replace(item, in_chart=(replace(copy, state=CopyState.GONE),))
    assert "In the EHR" not in person.get().text
