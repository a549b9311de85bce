"""What cannot be read without ambiguity is not passed on; numbers keep their digits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.disclose.redact import Part, UnreadableRecord, lines, redact_documents
from fhir_plugin.disclose.redact.strict import MAX_DEPTH, read, read_resource, write
from mappings.model.disclosure import Mode
from tests.disclose.redact.records import by_label, media

DEEP = 100_000
BAD = {
    "duplicate-key": b'{"resourceType":"Media","meta":{"security":[]},"meta":{}}',
    "duplicate-key-escaped": b'{"resourceType":"Media","meta":1,"m\\u0065ta":2}',
    "byte-order-mark": b'\xef\xbb\xbf{"resourceType":"Patient"}',
    "not-utf8": b'{"resourceType":"Patient","id":"\xff"}',
    "not-utf8-overlong": b'{"resourceType":"Patient","id":"\xc0\xaf"}',
    "not-utf8-surrogate": b'{"resourceType":"Patient","id":"\xed\xa0\x80"}',
    "control-character": '{"resourceType":"Patient"}'.encode("utf-16-le"),
    "control-character-escaped": b'{"resourceType":"Patient","id":"a\\u0000b"}',
    "number": b'{"resourceType":"Patient","x":NaN}',
    "number-infinity": b'{"resourceType":"Patient","x":-Infinity}',
    "number-long": b'{"resourceType":"Patient","x":' + b"9" * 100_000 + b"}",
    "number-exponent": b'{"resourceType":"Patient","x":1e99999999999999999999}',
    "number-fraction": b'{"resourceType":"Patient","x":1.' + b"9" * 100_000 + b"}",
    "surrogate": b'{"resourceType":"Patient","id":"\\ud800"}',
    "surrogate-key": b'{"resourceType":"Patient","\\udc00":1}',
    "depth": b'{"resourceType":"Patient","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "depth-objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "depth-just": b'{"resourceType":"Patient","x":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "not-json": b'{"resourceType":"Patient"} {"resourceType":"Media"}',
    "not-json-cut": b'{"resourceType":"Patient"',
    "not-json-comma": b'{"resourceType":"Patient",}',
    "not-json-control": b'{"resourceType":"Pat\tient"}',
    "not-json-empty": b"",
    "not-a-resource": b"[]",
    "not-a-resource-text": b'"Patient"',
    "not-a-resource-type": b'{"resourceType":["Media"]}',
    "not-a-resource-none": b'{"id":"1"}',
}


@pytest.mark.parametrize("case", BAD)
def test_what_two_readers_could_read_differently_is_refused(case: str) -> None:
    with pytest.raises(UnreadableRecord) as refused:
        read_resource(BAD[case])
    assert case.startswith(refused.value.code)


@pytest.mark.parametrize("case", BAD)
def test_one_such_line_lets_nothing_out(case: str) -> None:
    good = Part("a", b'{"resourceType":"Patient","id":"secret-1"}', 1)
    with pytest.raises(UnreadableRecord) as refused:
        redact_documents([good, Part("b", BAD[case], 2)], by_label, Mode.MARKED)
    assert refused.value.message.startswith("b:2: ")
    assert "secret-1" not in refused.value.message


def test_depth_and_pairs_of_surrogates_that_are_allowed() -> None:
    fits = b'{"resourceType":"Patient","x":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert read_resource(fits)["resourceType"] == "Patient"
    assert read_resource(b'{"resourceType":"Patient","id":"\\ud83d\\ude00"}')["id"] == "\N{GRINNING FACE}"


NUMBERS = ["72.50", "1E2", "0.10", "-0", "-0.0", "123456789012345678901234567890", "1e400", "1.0E-30", "0", "-7"]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_their_digits_also_where_the_line_changes(number: str) -> None:
    pointer = f'[{{"reference":"Media/{media()["id"]}"}}]'
    line = f'{{"resourceType":"Observation","id":"o","x":{number},"derivedFrom":{pointer}}}'
    parts = [Part("a", json.dumps(media()).encode()), Part("b", line.encode())]
    record = redact_documents(parts, by_label, Mode.SILENT)
    assert record.parts[0].data == f'{{"resourceType":"Observation","id":"o","x":{number}}}'.encode()


def test_what_needs_no_change_goes_out_byte_for_byte() -> None:
    odd = b'  { "resourceType" : "Patient", "id":"p\\u0031", "x": 1.00, "y": "\\/" }\r'
    file = b"\n".join([json.dumps(media()).encode(), odd, b"", b'{"resourceType":"Device","id":"d"}', b""])
    record = redact_documents(lines("x.ndjson", file), by_label, Mode.SILENT)
    assert [part.data for part in record.parts] == [odd, b'{"resourceType":"Device","id":"d"}']
    assert [part.line for part in record.parts] == [2, 4]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_writing_and_reading_agree_with_the_standard_library(value: object) -> None:
    if "\0" in json.dumps(value, ensure_ascii=False):
        return
    if "\\u0000" in json.dumps(value):
        return
    assert json.loads(write(value)) == value
    assert read(write(value)) == value
