"""The quick look never says no wrongly: with it and without it the same goes out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.disclose.redact import Part, Redaction
from fhir_plugin.disclose.redact.guard import Guard
from fhir_plugin.disclose.redact.strict import read_resource
from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    FILE,
    FORMS,
    HASH,
    ID,
    IDENTIFIER,
    PIXELS,
    TITLE,
    URL,
    UUID,
    by_label,
    media,
    redacted,
)

PIECES = [TITLE, TITLE.lower(), ID, UUID, URL, FILE, HASH, IDENTIFIER["value"], f"Media/{ID}", "4 March 2026 photo"]
PIECES += [
    "picture of the vulva",
    "Media?subject=x",
    "see Media%2Fcanary%2Did%2D4711",
    "nothing",
    "Médïa",
    "&#77;edia/",
]
TEXT = st.lists(st.sampled_from(PIECES) | st.text("ab M/&%é\u212a", max_size=4), max_size=4).map(" ".join)


@st.composite
def lines(draw: st.DrawFn) -> list[Part]:
    """The withheld image and some lines that may or may not speak of it, written in different ways."""
    found: list[dict[str, Any]] = [media()]
    for number in range(draw(st.integers(1, 5))):
        resource: dict[str, Any] = {"resourceType": "Observation", "id": f"o{number}", "note": [{"text": draw(TEXT)}]}
        resource["subject"] = {"reference": draw(st.sampled_from(["Patient/p1", "Patient/p2"]))}
        if draw(st.booleans()):
            resource["derivedFrom"] = [draw(st.sampled_from(list(FORMS.values())))]
        if draw(st.booleans()):
            resource["text"] = {"status": "generated", "div": f"<div>{draw(TEXT)}</div>"}
        found.append(resource)
    if draw(st.booleans()):
        found.append(
            media(id="other", meta={}, identifier=[], content={"contentType": "image/jpeg", "title": draw(TEXT)})
        )
    ascii_only = draw(st.booleans())
    texts = [json.dumps(each, ensure_ascii=ascii_only) for each in found]
    if draw(st.booleans()):
        texts = [each.replace("/", "\\/") for each in texts]
    return [Part("f.ndjson", each.encode(), at) for at, each in enumerate(draw(st.permutations(texts)), 1)]


def passes(parts: list[Part], mode: Mode, *, quick: bool) -> tuple[list[object], list[object]]:
    """What the three passes give, with or without the bytes that the quick look needs."""
    redaction = Redaction(by_label, mode)
    read = [(part, read_resource(part.data), part.data if quick else b"") for part in parts]
    for part, resource, _line in read:
        redaction.survey(resource, part.place)
    while any(redaction.settle(resource, part.place, line) for part, resource, line in read):
        redaction.start_writing()
    redaction.start_writing()
    out: list[object] = [redaction.write(resource, part.place, line) for part, resource, line in read]
    return out, [each.as_json() for each in redaction.findings]


@given(lines(), st.sampled_from(Mode))
def test_the_quick_look_changes_nothing(parts: list[Part], mode: Mode) -> None:
    assert passes(parts, mode, quick=True) == passes(parts, mode, quick=False)


def test_it_sees_most_lines_off() -> None:
    guard = Guard()
    guard.learn(ID)
    assert not guard.meets_line(b'{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/p1"}}')
    assert guard.meets_line(b'{"reference":"Media/canary-id-4711"}')
    assert guard.meets_line(b'{"reference":"\\u004dedia"}')


def test_a_name_without_letters_makes_everything_worth_a_look() -> None:
    guard = Guard()
    guard.learn("№")
    assert guard.meets_line(b"{}") and guard.meets("")


def test_bytes_of_another_length_are_no_copies() -> None:
    other = media(id="other", meta={}, identifier=[], bodySite={"text": "hand"})
    other["content"] = {"contentType": "image/jpeg", "data": "AAAA" * 300}
    out, _record = redacted(other, Mode.SILENT)
    assert out == other
    assert len(PIXELS) != 900
