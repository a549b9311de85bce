"""Photos on the patient's page without a browser: added once, cut strip by strip, taken out; styles go packed."""

from __future__ import annotations

import gzip
import io
import re

import pytest
from PIL import Image

from mappings.model.images import Geometry, Region
from tests.web.patients import Clinic, photo
from tests.web.visitor import HIDDEN, Visitor, heading, visitor


@pytest.fixture
def patient() -> Visitor:
    found = visitor(Clinic())
    found.to_photos()
    return found


def geometries(patient: Visitor) -> list[Geometry]:
    request = patient.clinic.request(patient.secret)
    if request.capture_id is None:
        return []
    return [image.geometry for image in patient.clinic.bench.drafts.get(request.capture_id).images]


def first(patient: Visitor) -> str:
    found: list[str] = re.findall(r'data-picture="([^"]+)"', patient.get("photos").text)
    return found[0]


def test_a_photo_that_is_sent_again_arrives_once(patient: Visitor) -> None:
    content = photo()
    answers = [patient.add_by_script(content) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert re.fullmatch(r"[0-9a-f-]{36}", (answers[0].json or {})["picture"])
    assert [answer.json for answer in answers[1:]] == [{"picture": ""}] * 2
    patient.add(content)
    assert len(geometries(patient)) == 1


def test_no_more_than_were_asked_for(patient: Visitor) -> None:
    answers = [patient.add_by_script(photo(seed=number)) for number in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422]
    assert answers[3].json == {"text": "You have added all the photos you can send."}
    assert "That is all the photos you can send" in patient.get("photos").text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear doctor", "That is not a photo we can open"),
        (b"", "Choose a photo first"),
        (b"<script>alert(1)</script>", "That is not a photo we can open"),
        (photo()[:200], "not"),
    ],
    ids=["text", "nothing", "page", "cut off"],
)
def test_what_is_no_photo_is_kindly_refused(patient: Visitor, content: bytes, words: str) -> None:
    answer = patient.add(content, name="" if not content else "x.jpg")
    assert answer.status_code == 422
    assert words in answer.text
    assert "<script>" not in answer.text
    assert geometries(patient) == []


def test_something_larger_than_the_policy_allows_is_refused_before_it_is_read(patient: Visitor) -> None:
    answer = patient.add_by_script(b"x" * (patient.clinic.policy.most_bytes_per_image + 1))
    assert answer.status_code == 422
    assert answer.json == {"text": "That photo is too large to send. Take a new photo here, or choose another one."}
    assert patient.add_by_script(b"x" * (patient.clinic.policy.most_bytes_per_image + 3_000_000)).status_code in (
        413,
        422,
    )


def test_pictures_are_shown_to_this_browser_alone_and_kept_by_nobody(patient: Visitor) -> None:
    patient.add()
    image = first(patient)
    for page in (f"photos/{image}/small", f"photos/{image}/whole-0", f"photos/{image}/whole-1"):
        shown = patient.client.get(patient.at(page))
        assert shown.status_code == 200
        assert shown.headers["Cache-Control"] == "no-store"
        assert "sandbox" in shown.headers["Content-Security-Policy"]
        with Image.open(io.BytesIO(shown.data)) as picture:
            assert picture.width > picture.height if "whole-1" not in page else picture.height > picture.width
        stranger = patient.client.application.test_client()
        assert stranger.get(patient.at(page), base_url="https://app.example").status_code in (303, 403)
    for answer in patient.seen:
        assert all(word not in answer.text for word in HIDDEN)


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        (["top"], Geometry(crop=Region(0, 0.1, 1, 1))),
        (["left", "right"], Geometry(crop=Region(0.1, 0, 0.91, 1))),
        (["turn"], Geometry(quarter_turns=1)),
        (["top", "turn"], Geometry(quarter_turns=1, crop=Region(0, 0, 0.9, 1))),
        (["turn", "turn", "turn", "turn"], Geometry()),
        (["bottom", "whole"], Geometry()),
    ],
)
def test_buttons_cut_strips_and_turn(patient: Visitor, cuts: list[str], expected: Geometry) -> None:
    patient.add()
    image = first(patient)
    for cut in cuts:
        page = patient.get(f"photos/{image}/crop").text
        form = dict(re.findall(r'name="(turns|crop)" value="([^"]*)"', page))
        patient.post(f"photos/{image}/crop", {**form, "cut": cut})
    (geometry,) = geometries(patient)
    assert geometry.quarter_turns == expected.quarter_turns
    edges = [geometry.crop, expected.crop]
    rounded = [
        None if each is None else [round(edge, 3) for edge in (each.left, each.top, each.right, each.bottom)]
        for each in edges
    ]
    assert rounded[0] == rounded[1]


@pytest.mark.parametrize(
    "form",
    [
        {"turns": "0", "crop": "a b c d", "cut": "done"},
        {"turns": "0", "crop": "50 50 50 50", "cut": "done"},
        {"turns": "0", "crop": "0 0 1 1", "cut": "left"},
        {"turns": "0", "crop": "nan 0 1 1", "cut": "done"},
    ],
)
def test_a_box_that_is_none_changes_nothing_and_says_what_to_do(patient: Visitor, form: dict[str, str]) -> None:
    patient.add()
    answer = patient.post(f"photos/{first(patient)}/crop", form)
    assert answer.status_code == 422
    assert "Press Start again" in answer.text
    assert geometries(patient) == [Geometry()]


def test_a_photo_is_taken_out_once_and_for_good(patient: Visitor) -> None:
    patient.add()
    image = first(patient)
    for _ in range(2):
        answer = patient.post(f"photos/{image}/remove")
        assert heading(answer) == "Take your photos"
    assert geometries(patient) == []
    assert "Add a photo first" in patient.post("photos/done").text


def test_a_photo_of_somebody_else_is_not_there(patient: Visitor) -> None:
    other = visitor(patient.clinic)
    other.to_photos()
    other.add()
    image = first(other)
    for page in (f"photos/{image}/small", f"photos/{image}/whole-0"):
        assert patient.client.get(patient.at(page)).status_code == 404
    assert heading(patient.get(f"photos/{image}/crop")) == "Take your photos"
    patient.post(f"photos/{image}/remove")
    assert len(geometries(other)) == 1


def test_styles_and_scripts_go_packed_to_whoever_can_unpack_them(patient: Visitor) -> None:
    text = patient.get("photos").text
    for address in re.findall(r'(?:href|src)="(/assets/[^"]+\.(?:css|js))"', text):
        plain = patient.client.get(address)
        packed = patient.client.get(address, headers={"Accept-Encoding": "gzip, br"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        assert packed.content_type == plain.content_type
        assert gzip.decompress(packed.data) == plain.data
        assert packed.headers["Cache-Control"] == plain.headers["Cache-Control"]
        plain.close()
