"""Words from a record, a file or a person are shown as words: never run, never in an address, never in a log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_plugin.errors import Refused
from fhir_plugin.web.asking import same_patient
from fhir_plugin.web.geometry import read_geometry, region_as_text
from fhir_plugin.web.security import picture_response
from mappings.model.identifiers import CaptureId
from mappings.model.images import Region
from mappings.model.people import ClinicalSession
from tests.web.conftest import READY, Person
from tests.web.fake import FakeParts
from tests.web.fake_gallery import recorded
from tests.web.people import AMY

MARKUP = """"'><img src=x onerror=alert(1)></textarea><script>alert(2)</script>{{ 7*7 }}"""
CANARY = "canary4711"


def test_markup_in_every_word_is_only_text(person: Person, parts: FakeParts) -> None:
    parts.captures.patients[AMY.id] = replace(AMY, name=f"Amy {MARKUP}")
    parts.gallery.items = [recorded(1, MARKUP, None), recorded(2, MARKUP, None, category=MARKUP)]
    capture, image = person.ready(purpose=MARKUP, findings=MARKUP, advice=MARKUP, taken_on=MARKUP)
    own = {f"site-{image}": MARKUP[:60], "image": image}
    person.post(f"captures/{capture}/answers", own)
    pages = [
        person.get(),
        person.get("?by=site"),
        person.get("images/Media/m1"),
        person.get("images/Media/m2"),
        person.get(f"captures/{capture}"),
        person.post(f"captures/{capture}/file"),
        person.get(f"captures/{capture}/images/{image}/edit"),
    ]
    for page in pages:
        assert page.status_code in (200, 422)
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "{{ 7*7 }}" in page.text
        assert "onerror=alert(1)&gt;" in page.text


def test_typed_words_stay_out_of_addresses_and_logs(
    person: Person, parts: FakeParts, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = {name: CANARY for name in READY if name in ("purpose", "findings", "advice")}
    capture, image = person.ready(**typed)
    for path in (
        f"captures/{capture}/answers",
        f"captures/{capture}/images/{image}/discard",
        f"captures/{capture}/file",
    ):
        answer = person.post(path, {"whole": "yes", **READY, **typed, "advice": CANARY})
        assert CANARY not in answer.headers.get("Location", "")
        assert all(CANARY not in value for _, value in answer.headers)
    assert CANARY not in caplog.text
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err
    assert parts.captures.drafts[CaptureId(capture)].answers.shared["advice"] == CANARY


@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=5))
def test_any_words_for_geometry_are_a_geometry_or_a_refusal(crop: str, boxes: list[str]) -> None:
    try:
        geometry = read_geometry({"crop": crop}, boxes)
    except Refused:
        return
    assert len(geometry.black_out) == sum(bool(box.strip()) for box in boxes)


@given(st.tuples(*[st.floats(0, 1) for _ in range(4)]))
def test_a_region_survives_its_way_through_a_form(edges: tuple[float, float, float, float]) -> None:
    left, right = sorted(edges[:2])
    top, bottom = sorted(edges[2:])
    if right - left < 0.001 or bottom - top < 0.001:
        return
    region = Region(left=left, top=top, right=right, bottom=bottom)
    back = read_geometry({"crop": region_as_text(region)}, []).crop
    assert back is not None
    for edge in ("left", "top", "right", "bottom"):
        assert getattr(back, edge) == pytest.approx(getattr(region, edge), abs=1e-5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from([*READY, "whole", "image", "site-i2", "x", "taken_on"]), st.text(max_size=60)))
def test_no_answers_whatever_make_the_server_stumble(person: Person, form: dict[str, str]) -> None:
    person.guard or person.get()
    captures = person.client.application.extensions["fhir_plugin"].captures
    capture = next(iter(captures.drafts), None) or person.begin()
    assert person.post(f"captures/{capture}/answers", form).status_code == 303
    assert person.get(f"captures/{capture}").status_code == 200


def test_the_guard_compares_what_the_page_was_made_for(person: Person, parts: FakeParts) -> None:
    session: ClinicalSession = parts.sessions.known["amy"]
    app = person.client.application
    digest = parts.captures.identity_digest(AMY)
    with app.test_request_context(
        method="POST", data={"patient": "https://ehr.example/fhir/Patient/amy", "identity_seen": digest}
    ):
        assert same_patient(session) == (AMY, digest)


@pytest.mark.parametrize("claimed", ["text/html", "image/svg+xml", "image/jpeg; charset=x", ""])
def test_bytes_that_are_no_picture_are_never_given_a_type_that_runs(claimed: str) -> None:
    response = picture_response(b"<script>alert(1)</script>", claimed)
    assert response.headers["Content-Type"] == "application/octet-stream"
