"""What anybody can write into a record: scripts, turned letters, control characters, endless words."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fhir_plugin.disclose.package import readable_html
from fhir_plugin.disclose.package.reading import plain_narrative, safe_narrative
from mappings.model.disclosure import Mode
from tests.disclose.package.made import PATIENT, contents, cover, image, lines, media, members, written

ATTACKS = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "</style><svg/onload=alert(1)>",
    "</title><iframe src=//evil.example>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "&lt;script&gt;&#60;script&#62;",
    "<!--", "-->", "]]>", "\u2028alert(1)",
]  # fmt: skip
_TAGS = frozenset({
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "ul", "li", "dl", "dt", "dd",
    "div", "article", "figure", "figcaption", "img", "a", "details", "summary", "table", "thead", "tbody", "tr",
    "td", "th", "b", "strong", "i", "em", "br", "ol", "pre", "span", "caption", "tfoot", "blockquote", "hr",
    "sub", "sup", "code", "small", "u", "nav",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "lang", "charset", "http-equiv", "content", "name", "class", "dir", "href", "src", "alt", "colspan", "rowspan",
    "id", "aria-label",
})  # fmt: skip


OURS = re.compile(r"(?:images|documents)/\d{3,6}\.[a-z0-9]{3,4}|#(?:patient|undated|not-included|year-\d{4})", re.ASCII)


class Strict(HTMLParser):
    """Fails on any tag or attribute that our own pages do not use, and on any address but our own files."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        for name, value in attrs:
            assert name in _ATTRIBUTES, (tag, name)
            if name == "href":
                assert OURS.fullmatch(value or ""), value
            if name == "id":
                assert OURS.fullmatch(f"#{value}"), value
            if name == "src":
                assert (value or "").startswith("data:image/jpeg;base64,"), value

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def everywhere(words: str) -> list[dict[str, Any]]:
    """The words in every kind of place of a record."""
    return [
        {
            **PATIENT,
            "name": [{"family": words, "given": [words], "prefix": [words], "text": words}],
            "address": [{"line": [words], "city": words}],
            "telecom": [{"system": "url", "value": words}],
            "gender": words,
            "identifier": [{"system": words, "value": words}],
        },
        media(1, note=[{"text": words, "authorString": words, "time": words}], bodySite={"text": words}),
        {
            "resourceType": "Observation",
            "id": "o",
            "status": words,
            "code": {"coding": [{"system": words, "code": words, "display": words}]},
            "valueString": words,
            "effectiveDateTime": words,
            "extension": [{"url": f"https://example.org/{words}", "valueString": words}],
            "text": {"status": "additional", "div": f"<div>{words}</div>"},
            words: {words: words},
        },
        {"resourceType": words, "id": words, "title": words, "date": f"2024-{words}"},
        {"resourceType": "Media", "id": "m9", "content": {"contentType": "text/html", "url": words, "title": words}},
    ]


@pytest.mark.parametrize("words", ATTACKS)
def test_words_stay_words_in_every_field(words: str) -> None:
    sheet = cover(
        patient_name=words, recipient=words, purpose=words, signed_by=(words,), organisation=words, contact=words,
        checked=(words,), not_checked=(words,), nhs_number=words, taken_out={words: 1},
    )  # fmt: skip
    what = contents(lines(*everywhere(words)), [image(1)], cover=sheet)
    files = members(written(what)[0])
    for page in (readable_html(what), files["record.html"].decode(), files["cover.html"].decode()):
        parser = Strict()
        parser.feed(page)
        parser.close()
        assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
        said = "".join(parser.words)
        if "script" in words and "&" not in words:
            assert words in said


@pytest.mark.parametrize(
    ("div", "html"),
    [
        ("<div><p>Fine <b>words</b></p></div>", "<div><p>Fine <b>words</b></p></div>"),
        ("<p onclick='x()' style='x'>a</p>", "<p>a</p>"),
        ("<script>alert(1)</script>after", "after"),
        ("<style>p{}</style><p>a", "<p>a</p>"),
        ("<a href='javascript:x'>link</a>", "link"),
        ("<img src='https://evil.example/x.png' alt='a <b>scar</b>'/>", "[picture: a &lt;b&gt;scar&lt;/b&gt;]"),
        ("<td colspan='2' rowspan='9999' width='1'>x</td>", '<td colspan="2">x</td>'),
        ("<h1>Head</h1><p>a</b></p>", "<strong>Head</strong><p>a</p>"),
        ("<svg><script>x</script><p>in</p></svg>out", "out"),
        ("<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><p>&y;&lt;b&gt;</p>", None),
        ("<iframe srcdoc='&lt;script&gt;'>x</iframe><p>z</p>", "<p>z</p>"),
        ("<p>never closed <b>ever", "<p>never closed <b>ever</b></p>"),
        ("<math><mtext></mtext></math><template><p>x</p></template>y", "y"),
        ("   ", ""),
        ("<div><br/><hr/></div>", ""),
    ],
)
def test_a_narrative_keeps_its_words_and_loses_everything_else(div: str, html: str | None) -> None:
    found = safe_narrative(div)
    if html is None:
        assert "ENTITY" not in found or "<!" not in found
        assert "file:" not in found
    else:
        assert found == html
    parser = Strict()
    parser.feed(found)


def test_a_narrative_of_twenty_thousand_open_tags_ends() -> None:
    found = safe_narrative("<div>" * 20_000 + "deep")
    assert found.endswith("</div>")
    assert found.count("<div>") <= 60
    assert plain_narrative("<table><tr><td>a</td><td>b</td></tr></table>") == "a | b"


def test_letters_that_turn_hide_or_control_are_gone_and_seen() -> None:
    words = "pay \u202e001\u202c now\u200b \x00\x07\x1b[31m \u0645\u0631\u062d\u0628\u0627"
    (page,) = [
        readable_html(contents(lines({"resourceType": "Flag", "id": "f", "note": words.replace("\x00", "")}), []))
    ]
    for letter in "\u202e\u202c\u200b\x07\x1b":
        assert letter not in page
    assert "\ufffd[31m" in page
    assert "\u0645\u0631\u062d\u0628\u0627" in page
    assert 'dir="auto"' in page


def test_endless_words_are_written_and_end() -> None:
    long = "x" * 300_000
    deep: Any = "end"
    for _ in range(80):
        deep = {"in": deep}
    what = contents(lines({"resourceType": "Flag", "id": "f", "note": long, "deep": deep}), [])
    files = members(written(what)[0])
    assert long in files["record.html"].decode()
    assert len(files["record.pdf"]) > 5000


def test_silent_is_as_safe_as_marked() -> None:
    what = contents(lines(*everywhere(ATTACKS[0])), [image(1)], cover=cover(Mode.SILENT, purpose=ATTACKS[0]))
    parser = Strict()
    parser.feed(members(written(what)[0])["cover.html"].decode())


def test_the_record_itself_is_what_it_was() -> None:
    """Only pages are for eyes: the JSON keeps every letter."""
    words = "\u202e<script>"
    found = members(written(contents(lines({"resourceType": "Flag", "id": "f", "note": words}), []))[0])
    assert json.loads(found["record.ndjson"])["note"] == words
