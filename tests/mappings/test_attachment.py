"""Bytes inside a resource: in and out alike, for both resources that hold images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.r4.attachment import attachment_of, inline_content, with_inline_content
from mappings.r4.errors import NotReadable

MEDIA = {"resourceType": "Media", "content": {"contentType": "image/jpeg", "url": "Binary/1", "size": 3}}
DOCUMENT = {
    "resourceType": "DocumentReference",
    "content": [
        {"attachment": {"contentType": "image/jpeg", "url": "Binary/1"}, "format": {"code": "x"}},
        {"attachment": {"contentType": "text/plain", "url": "Binary/2"}},
    ],
}


@given(st.binary(max_size=300))
def test_what_goes_in_comes_out(content: bytes) -> None:
    for resource in (MEDIA, DOCUMENT):
        inside = with_inline_content(resource, content)
        assert inline_content(inside) == content
        assert "url" not in attachment_of(inside)
        assert attachment_of(inside)["contentType"] == "image/jpeg"
    assert attachment_of(MEDIA)["url"] == "Binary/1"


def test_other_parts_of_a_document_stay() -> None:
    inside = with_inline_content(DOCUMENT, b"abc")
    assert inside["content"][0]["format"] == {"code": "x"}
    assert inside["content"][1] == DOCUMENT["content"][1]


@pytest.mark.parametrize("data", ["not base64!", "abcd=", "abc", "Zg==Zg=="])
def test_what_is_not_base64_is_not_read(data: str) -> None:
    with pytest.raises(NotReadable, match="base64"):
        inline_content({"resourceType": "Media", "content": {"data": data}})


@pytest.mark.parametrize("data", [None, 17, "", "  "])
def test_no_data_is_no_bytes(data: object) -> None:
    assert inline_content({"resourceType": "Media", "content": {"data": data}}) == b""


def test_line_breaks_do_not_count() -> None:
    assert inline_content({"resourceType": "Media", "content": {"data": "YW\nJj\r\n"}}) == b"abc"


@pytest.mark.parametrize("content", [None, [], [None], "x", [{"attachment": []}]])
def test_no_attachment_is_an_empty_one(content: object) -> None:
    assert attachment_of({"resourceType": "Media", "content": content}) == {}
