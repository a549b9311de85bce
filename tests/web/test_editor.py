"""The editor of one picture: geometry as a form says it, exactly or not at all."""

from __future__ import annotations

import pytest

from mappings.model.identifiers import CaptureId
from tests.web.conftest import Person
from tests.web.fake import FakeParts


def test_geometry_is_sent_exactly(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    sent = {"quarter_turns": "1", "crop": "10 20 90 100", "black_out": ["0 0 50 50", "", "60.5 10 70 30"]}
    answer = person.post(f"captures/{capture}/images/{image}/geometry", sent)
    assert answer.headers["Location"] == f"/l/amy/captures/{capture}#image-{image}"
    geometry = parts.captures.drafts[CaptureId(capture)].images[0].geometry
    assert geometry.quarter_turns == 1
    assert geometry.crop is not None
    assert (geometry.crop.left, geometry.crop.bottom) == (0.1, 1.0)
    assert [box.left for box in geometry.black_out] == [0.0, 0.605]
    editor = person.get(f"captures/{capture}/images/{image}/edit").text
    assert 'data-crop="10 20 90 100"' in editor
    assert 'data-black-outs="0 0 50 50;60.5 10 70 30"' in editor


@pytest.mark.parametrize(
    "sent",
    [
        {"quarter_turns": "4"},
        {"quarter_turns": "0", "crop": "10 20 5 100"},
        {"quarter_turns": "0", "crop": "nan 0 10 10"},
        {"quarter_turns": "0", "crop": "1 2 3"},
        {"quarter_turns": "0", "black_out": ["a b c d"]},
        {"quarter_turns": "0", "black_out": ["0 0 inf 1"]},
        {"quarter_turns": "0", "black_out": ["0 0 1 1"] * 41},
    ],
)
def test_geometry_that_is_none_changes_nothing(
    person: Person, parts: FakeParts, sent: dict[str, str | list[str]]
) -> None:
    capture, image = person.ready()
    assert person.post(f"captures/{capture}/images/{image}/geometry", sent).status_code == 400
    assert parts.captures.drafts[CaptureId(capture)].images[0].geometry.is_identity


def test_an_editor_pressed_before_its_script_had_begun_takes_no_black_box_off(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    address = f"captures/{capture}/images/{image}"
    person.post(f"{address}/geometry", {"quarter_turns": "1", "black_out": ["0 0 50 50"]})
    answer = person.post(f"{address}/geometry", {"lossless": "yes"})
    assert answer.headers["Location"] == f"/l/amy/{address}/edit"
    geometry = parts.captures.drafts[CaptureId(capture)].images[0].geometry
    assert (geometry.quarter_turns, len(geometry.black_out)) == (1, 1)


def test_the_editor_is_reached_with_the_answers_saved(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    answer = person.post(f"captures/{capture}/images/{image}/edit", {"advice": "typed just now"})
    assert answer.status_code == 303
    assert parts.captures.drafts[CaptureId(capture)].answers.shared["advice"] == "typed just now"
    assert person.get(f"captures/{capture}/images/{image}/preview?turns=1").content_type == "image/jpeg"
    assert person.get(f"captures/{capture}/images/{image}/preview?turns=9").status_code == 400
    for pixels in ("picture", "thumbnail"):
        assert person.get(f"captures/{capture}/images/{image}/{pixels}").headers["Cache-Control"] == "no-store"
