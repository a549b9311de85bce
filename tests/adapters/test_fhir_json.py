"""FHIR JSON: strict in, digit for digit out, image bytes through no encoder."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.adapters.fhir_json import DEEPEST, UnusableJson, binary_json, decode_base64, dump, parse_object
from mappings.model.identifiers import Reference

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | DECIMALS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_again(resource: dict[str, Any]) -> None:
    again = parse_object(dump(resource))
    assert again == resource
    assert dump(again) == dump(resource)


@pytest.mark.parametrize("digits", ["1.50", "0.10", "100.0", "-0.0", "1.000000000000000000000001", "3"])
def test_every_digit_survives(digits: str) -> None:
    written = f'{{"value":{digits}}}'.encode()
    assert dump(parse_object(written)) == written


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b'"text"',
        b"[{}]",
        b"{}{}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"x": [{"a": 1, "\\u0061": 2}]}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\x00"}',
        b'{"a": 1e999999999999999999999}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
        b'{"a":' + b"[" * 200_000,
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(content: bytes) -> None:
    with pytest.raises(UnusableJson) as raised:
        parse_object(content)
    assert len(str(raised.value)) < 60


def test_just_deep_enough_is_read() -> None:
    levels = b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST
    assert dump(parse_object(levels)) == levels


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity"), b"", {1}, {1: 2}, "\ud800"]
)
def test_what_json_cannot_say_is_not_written(value: Any) -> None:
    with pytest.raises(UnusableJson):
        dump({"a": value})


def test_a_structure_that_contains_itself_is_not_written() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(UnusableJson):
        dump(loop)


@given(st.binary(max_size=500), st.sampled_from(["image/jpeg", 'image/x"y']))
def test_a_binary_is_the_same_as_if_it_had_been_encoded(content: bytes, content_type: str) -> None:
    spliced = binary_json(content, content_type, id="b1", security_context=Reference("Media/m1"))
    assert json.loads(spliced) == {
        "resourceType": "Binary",
        "id": "b1",
        "contentType": content_type,
        "securityContext": {"reference": "Media/m1"},
        "data": base64.b64encode(content).decode(),
    }
    assert decode_base64(parse_object(spliced)["data"]) == content


def test_a_binary_without_id_or_context_says_neither() -> None:
    spliced = json.loads(binary_json(b"x", "image/png", id=None, security_context=None))
    assert spliced.keys() == {"resourceType", "contentType", "data"}


@given(st.binary(min_size=1, max_size=200))
def test_base64_with_line_breaks_is_read(content: bytes) -> None:
    assert decode_base64(base64.encodebytes(content).decode()) == content


@pytest.mark.parametrize("text", ["a", "ab", "abc", "ab==c", "====", "a-b_", "abcd!", "é===", "abcd=", "YW==YW=="])
def test_broken_base64_is_refused(text: str) -> None:
    with pytest.raises(UnusableJson):
        decode_base64(text)
