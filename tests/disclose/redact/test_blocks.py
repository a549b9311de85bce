"""The quick way through lines never gives another answer than reading each: hostile lines, compared with the slow."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.decide import glance_for, judge_for, on_their_word
from fhir_plugin.disclose.redact import BlockReport, BlockSurvey, Part, Redaction, UnreadableRecord
from fhir_plugin.disclose.redact.blocks import BlockTexts
from fhir_plugin.disclose.redact.search import Search
from fhir_plugin.disclose.redact.skeleton import Skeletons
from fhir_plugin.disclose.redact.strict import read_resource
from mappings.model.disclosure import Asked, Mode, Requester
from mappings.model.labels import CONFIDENTIALITY
from tests.disclose.redact.records import FORMS, ID, PIXELS, RESTRICTED, UUID, by_label, media
from tests.disclose.redact.test_guard import PIECES, passes
from tests.disclose.redact.test_strict import BAD

SEEN = Skeletons()
"""One for all examples: what it remembers of one line must hold for every other."""

KEYS = ["id", "meta", "code", "text", "security", "x", "a1", "a12", "", "data", "resourceType", "extension", "é", "tag"]
LEAVES = st.sampled_from(["", "x", "a\\b", '"', "é", "{", "}", ":", ",", "Media", "01", "\u2028", "data:x", "\n", "/"])
NUMBERS = st.sampled_from([0, 1, 10, -1, 1.5, 0.05, 1e30, 12345678901234567890, 72.25])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
HOSTILE = [
    b'"',
    b"\\",
    b"\\u0041",
    b"\\u0022",
    b"\\\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"7",
    b"-",
    b".",
    b"e",
]
HOSTILE += [
    b" ",
    b"\t",
    b"\r",
    b"\0",
    b"\x01",
    b"\xff",
    b"\xc0\xaf",
    b"\xef\xbb\xbf",
    b'"a":1,',
    b'"a1":1,',
    b'"a2":1,',
    b"{}",
]
HOSTILE += [
    b'"id":"1",',
    b"null",
    b"NaN",
    b"01",
    b"-0",
    b"1e05",
    b"e99999999999",
    b"9" * 20,
    b'""',
    b'"":"",',
    b'"meta":{},',
    b"\\n",
    b"\\q",
]


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A line of JSON, mostly a resource, sometimes broken or ambiguous by a few bytes more, fewer or others."""
    value: dict[str, Any] = {"resourceType": draw(st.sampled_from(["Patient", "Observation", "Media"]))}
    value |= draw(st.dictionaries(st.sampled_from(KEYS[:-4]), VALUES, max_size=4))
    style: dict[str, Any] = draw(st.sampled_from([{}, {"separators": (",", ":")}, {"separators": (" ,", " : ")}]))
    if draw(st.booleans()):
        value["resourceType"] = value.pop("resourceType")
    line = json.dumps(value, ensure_ascii=draw(st.booleans()), **style).encode()
    for _ in range(draw(st.integers(0, 3))):
        at, gone = draw(st.integers(0, len(line))), draw(st.integers(0, 2))
        line = line[:at] + draw(st.sampled_from(HOSTILE)) + line[at + gone :]
    return line.replace(b"\n", b" ")


def strictly(line: bytes) -> dict[str, Any] | None:
    try:
        return read_resource(line)
    except UnreadableRecord:
        return None


@settings(max_examples=200)
@given(st.lists(written(), min_size=1, max_size=6), st.booleans())
def test_a_line_with_a_known_shape_is_what_the_strict_reader_reads(lines: list[bytes], ends: bool) -> None:
    block = b"\n".join(lines) + (b"\n" if ends else b"")
    skimmed = SEEN.skim(block)
    assert [block[a:b] for a, b in zip(skimmed.starts, skimmed.ends, strict=True)] == lines
    for number, (line, shape) in enumerate(zip(lines, skimmed.shapes, strict=True)):
        value = strictly(line)
        if shape is None:
            continue
        assert value is not None, line
        assert shape.type in ("", value["resourceType"])
        if shape.id_at >= 0:
            assert json.loads(b'"' + skimmed.value(number, shape.id_at) + b'"') == value["id"]
        emptied = strictly(skimmed.without_data(number, shape))
        assert emptied is not None and emptied.keys() == value.keys()


@pytest.mark.parametrize("case", BAD)
def test_nothing_that_is_refused_ever_has_a_shape(case: str) -> None:
    good = b'{"resourceType":"Patient","id":"1","x":11}'
    for block in (BAD[case], good + b"\n" + BAD[case] + b"\n" + good, BAD[case] + b"\n" + good):
        if b"\n" in BAD[case]:
            continue
        skimmed = Skeletons().skim(block)
        for number, shape in enumerate(skimmed.shapes):
            if block[skimmed.starts[number] : skimmed.ends[number]] == BAD[case]:
                assert shape is None
    survey = BlockSurvey(Redaction(by_label, Mode.SILENT), lambda *_: None)
    refused = survey.look(good + b"\n" + BAD[case]).refused
    assert (refused is not None and refused[0] == 1) or not BAD[case].strip()


def test_what_stands_behind_an_empty_line_is_looked_at() -> None:
    plain = [b'{"resourceType":"Patient","id":"%d"}' % number for number in range(3)]
    labelled = json.dumps(media()).encode()
    survey = BlockSurvey(Redaction(by_label, Mode.SILENT), lambda *_: None)
    said = survey.look(b"\n".join([plain[0], b"", b"  ", labelled, b"\r", plain[1], plain[2]]))
    assert [number for number, _line in said.to_survey] == [3] and said.released == len(plain)


def test_every_line_that_is_released_at_a_glance_is_in_the_report() -> None:
    asked = on_their_word(Requester.INSURER, dt.date(2026, 1, 1))
    redaction = Redaction(judge_for(asked), Mode.SILENT)
    survey = BlockSurvey(redaction, glance_for(asked))
    block = b"\n".join(b'{"resourceType":"Patient","id":"p%d"}' % number for number in range(4))
    assert survey.look(block).to_survey == []
    found = BlockReport(redaction, survey).findings(block, "f.ndjson", 1, {2})
    assert {at: [(each.id, each.within) for each in some] for at, some in found.items()} == {
        at: [(f"p{at}", f"f.ndjson:{at + 1}")] for at in (0, 1, 3)
    }


def test_most_lines_have_a_shape() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">é \\ \n</div>'
    lines = [
        json.dumps({"resourceType": "Observation", "id": str(number), "valueInteger": number, "text": {"div": div}})
        for number in range(1, 2000, 7)
    ]
    skimmed = Skeletons().skim("\n".join(each.replace("\\u00e9", "é") for each in lines).encode())
    assert {each.type for each in skimmed.shapes if each is not None} == {"Observation"}
    assert None not in skimmed.shapes and len({id(each) for each in skimmed.shapes}) == 1


LABELLED: list[Any] = [
    {"security": [{"system": CONFIDENTIALITY, "code": "R"}]},
    {"security": "x"},
    {"tag": [{"system": CONFIDENTIALITY, "code": "V"}]},
    {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SEX"}]},
    {"tag": [{"system": "http://example.org", "code": "x"}]},
    {"profile": ["http://example.org"]},
    "x",
    [],
    None,
]
INLINE = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
PARTS: list[dict[str, Any]] = [
    {},
    {"extension": [{"url": INLINE, "valueCoding": {"system": CONFIDENTIALITY, "code": "R"}}]},
    {"extension": [{"url": "http://example.org", "valueCoding": {"system": CONFIDENTIALITY, "code": "R"}}]},
    {"note": [{"url": INLINE}]},
    {"securityLabel": [{"coding": [{"system": CONFIDENTIALITY, "code": "R"}]}]},
    {"securityLabel": "R"},
    {"contained": [{"resourceType": "Media", "meta": RESTRICTED}]},
    {"confidentiality": "R"},
    {"presentedForm": [{"contentType": " Image/PNG", "title": "vulva"}]},
    {"bodySite": {"text": "vulva"}},
    {"subject": {"meta": {"security": []}}},
    {"subject": {"meta": 1}},
    {"data": "AAAA"},
]
TYPES = [
    "Observation",
    "Media",
    "Binary",
    "AuditEvent",
    "DocumentReference",
    "Composition",
    "Unheard",
    "Basic",
    "Patient",
]


@st.composite
def labelled(draw: st.DrawFn) -> bytes:
    value: dict[str, Any] = {
        "resourceType": draw(st.sampled_from(TYPES)),
        "id": draw(st.sampled_from(["1", "withheld-7"])),
    }
    if draw(st.booleans()):
        value["meta"] = draw(st.sampled_from(LABELLED))
    for part in draw(st.lists(st.sampled_from(PARTS), max_size=2)):
        value |= part
    text = json.dumps(value)
    if draw(st.booleans()):
        text = text.replace("s", "\\u0073", 1) if draw(st.booleans()) else text.replace("/", "\\/")
    return text.encode()


@pytest.mark.parametrize("requester", Requester)
@settings(max_examples=15)
@given(st.lists(labelled(), min_size=1, max_size=5))
def test_a_glance_says_what_the_judge_says(requester: Requester, lines: list[bytes]) -> None:
    asked: Asked = on_their_word(requester, dt.date(2026, 1, 1))
    judge, glance = judge_for(asked), glance_for(asked)
    survey = BlockSurvey(Redaction(judge, Mode.MARKED), glance)
    skimmed, texts = SEEN.skim(b"\n".join(lines)), BlockTexts(b"\n".join(lines))
    for number, shape in enumerate(skimmed.shapes):
        said = survey.at_a_glance(skimmed, number, shape, texts) if shape is not None else None
        if said is not None:
            assert judge(read_resource(lines[number])) == said
    needed = {number for number, _line in survey.look(b"\n".join(lines)).to_survey}
    for number, line in enumerate(lines):
        walked = Redaction(judge, Mode.MARKED)
        walked.survey(read_resource(line), "x")
        if number not in needed:
            assert walked.is_clean and walked.learnt == 0


TEXT = st.lists(st.sampled_from(PIECES) | st.text("ab M/&%é\u212a?", max_size=4), max_size=4).map(" ".join)


@st.composite
def records(draw: st.DrawFn) -> list[Part]:
    """The withheld image and some lines that may or may not speak of it, in every spelling."""
    found: list[dict[str, Any]] = [
        media(),
        media(id=UUID, meta={}, identifier=[], content={"contentType": "image/png"}),
    ]
    for number in range(draw(st.integers(1, 5))):
        resource: dict[str, Any] = {"resourceType": "Observation", "id": f"o{number}", "note": [{"text": draw(TEXT)}]}
        resource["subject"] = {"reference": draw(st.sampled_from(["Patient/p1", "Patient/p2"]))}
        if draw(st.booleans()):
            resource["derivedFrom"] = [draw(st.sampled_from(list(FORMS.values())))]
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["image/jpeg", "text/plain", "application/pdf"]))
            resource["presentedForm"] = [
                {"contentType": kind, "title": draw(TEXT), "data": draw(st.sampled_from(DATA))}
            ]
        if draw(st.booleans()):
            resource["text"] = {"status": "generated", "div": f"<div>{draw(TEXT)}</div>"}
        found.append(resource)
    ascii_only = draw(st.booleans())
    texts = [json.dumps(each, ensure_ascii=ascii_only) for each in found]
    if draw(st.booleans()):
        texts = [each.replace("/", "\\/") for each in texts]
    if draw(st.booleans()):
        texts = [each.replace("anary", "\\u0061nary") for each in texts]
    return [Part("f.ndjson", each.encode(), at) for at, each in enumerate(draw(st.permutations(texts)), 1)]


def _data() -> list[str]:
    import base64

    whole = base64.b64encode(PIXELS).decode()
    return [whole, whole.replace("+", "-"), whole[:40] + "!" + whole[40:], "AAAA", base64.b64encode(b"x" * 99).decode()]


DATA = _data()


def by_blocks(parts: list[Part], mode: Mode) -> tuple[list[object], list[object]]:
    """What the quick way gives: only the lines that it names are read by the redaction."""
    redaction = Redaction(by_label, mode)
    survey = BlockSurvey(redaction, lambda *_: None)
    block = b"\n".join(part.data for part in parts)
    said = survey.look(block)
    assert said.refused is None
    for number, line in said.to_survey:
        redaction.survey(read_resource(line), parts[number].place)
    redaction.signed = said.signed
    report = BlockReport(redaction, survey)
    while True:
        before = redaction.learnt
        redaction.start_writing()
        walked = [] if redaction.is_clean else redaction.watch(block).lines(block, "f.ndjson", 1)
        others = report.findings(block, "f.ndjson", 1, set(walked))
        out: list[object] = []
        told: list[object] = []
        for number, part in enumerate(parts):
            resource = read_resource(part.data)
            if number in walked:
                out.append(redaction.write(resource, part.place))
                told += redaction.findings
                redaction.findings.clear()
            else:
                out.append(resource)
                told += others[number]
        if redaction.learnt == before:
            return out, [each.as_json() for each in told]  # type: ignore[attr-defined]  # findings


@settings(max_examples=80)
@given(records(), st.sampled_from(Mode))
def test_blocks_give_what_a_walk_of_every_line_gives(parts: list[Part], mode: Mode) -> None:
    assert by_blocks(parts, mode) == passes(parts, mode, quick=False)


@pytest.mark.parametrize("written", ["c\\u0061nary", "c%61nary", "c&#97;nary"])
def test_a_name_that_is_written_otherwise_is_found(written: str) -> None:
    """Alone among lines without any such sign."""
    note = {"resourceType": "Observation", "id": "o", "note": [{"text": f"see Media/{ID}"}]}
    plain = [json.dumps({"resourceType": "Patient", "id": f"p{number}"}) for number in range(3)]
    lines = [plain[0], json.dumps(media()), plain[1], json.dumps(note).replace("canary", written), plain[2]]
    out, told = by_blocks([Part("f.ndjson", each.encode(), at) for at, each in enumerate(lines, 1)], Mode.SILENT)
    assert out[3] is None and out[0] is not None and "review" in str(told)


@given(st.lists(st.text("abAB1é\u212a ", min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_a_search_misses_no_line(needles: list[str], data: st.DataObject) -> None:
    lines = data.draw(
        st.lists(st.text("abAB1é\u212aK ", max_size=20) | st.sampled_from(needles), min_size=1, max_size=6)
    )
    block = "\n".join(lines).encode()
    found = Search({each.encode(): 1 for each in needles}, block).lines(block)
    for number, line in enumerate(lines):
        if any(each.casefold() in line.casefold() for each in needles):
            assert found.get(number) == 1


@given(st.text("abAB1", min_size=3, max_size=6), st.integers(0, 9), st.text("abAB1\n", max_size=3))
def test_a_search_finds_a_short_word_wherever_it_stands(needle: str, before: int, after: str) -> None:
    block = ("-" * before + needle + after).encode()
    assert Search({needle.encode(): 1, b"never-there": 2}).lines(block).get(0) == 1


def test_a_search_names_few_lines_among_many() -> None:
    needles = {f"{number:016x}".encode(): 1 for number in range(0, 10**6, 700)}
    block = b"\n".join(b"nothing of the kind %d" % number for number in range(500)) + b"\nhere: %016x." % 700
    assert Search(needles, block).lines(block) == {500: 1}


def test_who_is_released_at_a_glance_has_the_reason_of_the_judge() -> None:
    asked = on_their_word(Requester.INSURER, dt.date(2026, 1, 1))
    said = glance_for(asked)("Patient", frozenset({"id"}))
    assert said == (judge_for(asked)({"resourceType": "Patient", "id": "1"}), ())
