"""An EHR's style document becomes numbers and plain names, and nothing else of it survives."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import Issuer, NotSent
from smart_launch.errors import AnswerLost, ReplyTooLarge
from smart_launch.style import MOST_FONTS, Colour, SmartStyle, fetch_style, read_style
from tests.fakes.transport import Answer, ScriptedTransport

COLOURS = [each.name for each in dataclasses.fields(SmartStyle) if each.name.startswith("color_")]
LENGTHS = [each.name for each in dataclasses.fields(SmartStyle) if each.name.startswith("dim_")]
FONTS = [each.name for each in dataclasses.fields(SmartStyle) if each.name.startswith("font_")]

EHR = Issuer(
    name="trust-a",
    iss="https://fhir.trust-a.example/r4",
    client_id="x",
    allowed_hosts=frozenset({"static.trust-a.example"}),
)
URL = "https://static.trust-a.example/style.json?v=3"

EXAMPLE = {
    "color_background": "#edeae3",
    "color_error": "#9e2d2d",
    "color_highlight": "#69b5ce",
    "color_modal_backdrop": "",
    "color_success": "#498e49",
    "color_text": "#303030",
    "dim_border_radius": "6px",
    "dim_font_size": "13px",
    "dim_spacing_size": "20px",
    "font_family_body": "Georgia, Times, 'Times New Roman', serif",
    "font_family_heading": "'HelveticaNeue-Light', Helvetica, Arial, 'Lucida Grande', sans-serif;",
}
"""The example of the specification, semicolon included."""

HOSTILE = [
    "red;}body{display:none",
    "#fff;}*{display:none}",
    "#ffff",
    "#12345g",
    "url(https://evil.example/x.png)",
    "expression(alert(1))",
    "javascript:alert(1)",
    "</style><script>alert(1)</script>",
    "@import 'https://evil.example/x.css'",
    "var(--app-red)",
    "calc(1px + 100vw)",
    "rgb(1,2)",
    "rgb(1,2,3,4,5)",
    "rgb(-1, 2, 3)",
    "rgb(1e9, 2, 3)",
    "rgb(NaN, 2, 3)",
    "rgb(1,\n2,3)",
    "#fff\n",
    "#fff\x00",
    "#ｆｆｆ",
    "rgb(１,２,３)",
    "１６px",
    "16px;",
    "16PX/**/",
    "-4px",
    "+4px",
    "1e3px",
    "9999px",
    "50vw",
    "\\31 6px",
    '"\\";}body{',
    "Verdana;}body{",
    "'Verdana",
    "メイリオ",
    "a" * 100_000,
    "#" + "f" * 100_000,
    "",
    " ",
    None,
    True,
    0,
    16,
    1.5,
    [],
    ["#fff"],
    {},
    {"r": 1},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#fff", Colour(255, 255, 255)),
        ("#EDEAE3", Colour(237, 234, 227)),
        (" #003087 ", Colour(0, 48, 135)),
        ("rgb(1, 2, 3)", Colour(1, 2, 3)),
        ("RGB(1 2 3)", Colour(1, 2, 3)),
        ("rgb(300,0,0)", Colour(255, 0, 0)),
        ("rgb(100%, 0%, 50%)", Colour(255, 0, 128)),
        ("rgba(51,51,51,.5)", Colour(51, 51, 51, 0.5)),
        ("rgb(51 51 51 / 25%)", Colour(51, 51, 51, 0.25)),
        ("hsl(120, 100%, 25%)", Colour(0, 128, 0)),
        ("hsl(0deg 0% 100%)", Colour(255, 255, 255)),
        ("hsl(120, 100, 25)", None),
        ("white", None),
        ("transparent", None),
    ],
)
def test_colours_become_numbers(text: str, expected: Colour | None) -> None:
    assert read_style({"color_text": text}).color_text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16px", 16.0),
        ("1.25rem", 20.0),
        (".5rem", 8.0),
        (".3rem", None),
        ("0", None),
        ("5px", None),
        ("49px", None),
        ("2em", None),
    ],
)
def test_font_sizes_become_pixels_within_bounds(text: str, expected: float | None) -> None:
    assert read_style({"dim_font_size": text}).dim_font_size == expected


def test_a_radius_may_be_nothing() -> None:
    assert read_style({"dim_border_radius": "0"}).dim_border_radius == 0
    assert read_style({"dim_border_radius": "0px"}).dim_border_radius == 0
    assert read_style({"dim_border_radius": "33px"}).dim_border_radius is None


def test_the_example_of_the_specification() -> None:
    assert read_style(EXAMPLE) == SmartStyle(
        color_background=Colour(0xED, 0xEA, 0xE3),
        color_error=Colour(0x9E, 0x2D, 0x2D),
        color_highlight=Colour(0x69, 0xB5, 0xCE),
        color_modal_backdrop=None,
        color_success=Colour(0x49, 0x8E, 0x49),
        color_text=Colour(0x30, 0x30, 0x30),
        dim_border_radius=6,
        dim_font_size=13,
        dim_spacing_size=20,
        font_family_body=("Georgia", "Times", "Times New Roman", "serif"),
        font_family_heading=("HelveticaNeue-Light", "Helvetica", "Arial", "Lucida Grande"),
    )


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("key", [*COLOURS, *LENGTHS, *FONTS])
def test_hostile_values_are_dropped_and_spoil_nothing_else(key: str, value: object) -> None:
    other = "color_text" if key != "color_text" else "color_error"
    expected = read_style({other: "#123456"})
    found = read_style({key: value, other: "#123456"})
    assert found == expected or (key in FONTS and _is_plain(found, key))


def _is_plain(style: SmartStyle, key: str) -> bool:
    return all(re.fullmatch(r"-?[A-Za-z][A-Za-z0-9 _-]{0,39}", name, re.ASCII) for name in getattr(style, key))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PIECES = st.lists(
    st.sampled_from(
        [*"#0%a(),/. 16;}{'\"\\\n-\u202eé<", "fff", "255", "rgb", "hsl", "px", "rem", "url", "@import", "serif"]
    ),
    max_size=14,
).map("".join)


@given(st.dictionaries(st.sampled_from([*COLOURS, *LENGTHS, *FONTS, "other"]), JSON | PIECES))
def test_whatever_comes_only_bounded_numbers_and_plain_names_are_left(document: Mapping[str, object]) -> None:
    style = read_style(document)
    for name in COLOURS:
        colour = getattr(style, name)
        if colour is not None:
            assert all(type(part) is int and 0 <= part <= 255 for part in (colour.red, colour.green, colour.blue))
            assert 0 <= colour.alpha <= 1
    for name in LENGTHS:
        assert getattr(style, name) is None or 0 <= getattr(style, name) <= 64
    for name in FONTS:
        assert _is_plain(style, name)
        assert len(getattr(style, name)) <= MOST_FONTS


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_every_colour_is_read_as_it_is_written(red: int, green: int, blue: int) -> None:
    for text in (f"#{red:02x}{green:02X}{blue:02x}", f"rgb({red},{green},{blue})", f"rgba({red} {green} {blue} / 1)"):
        assert read_style({"color_text": text}).color_text == Colour(red, green, blue)


# ------------------------------------------------------------------------------- fetching


def test_it_is_asked_for_without_a_token() -> None:
    transport = ScriptedTransport(Answer(200, EXAMPLE, "application/json"))
    assert fetch_style(URL, EHR, transport) == read_style(EXAMPLE)
    (asked,) = transport.asked
    assert (asked.method, asked.url) == ("GET", URL)
    assert set(asked.headers) == {"Accept"}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/style.json",
        "http://static.trust-a.example/style.json",
        "https://static.trust-a.example@evil.example/style.json",
        "https://user:pw@static.trust-a.example/style.json",
        "https://sub.static.trust-a.example/style.json",
        "https://static.trust-a.example/style.json#x",
        "file:///etc/passwd",
        "data:application/json,{}",
        "//static.trust-a.example/style.json",
        "",
        "https://[",
    ],
)
def test_nobody_is_asked_who_is_not_registered(url: str) -> None:
    transport = ScriptedTransport()
    assert fetch_style(url, EHR, transport) is None
    assert transport.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, EXAMPLE, "application/json"),
        Answer(302, b"", "", (("Location", "https://evil.example/"),)),
        Answer(500, b"oops", "text/plain"),
        Answer(200, b"<html>", "text/html"),
        Answer(200, b"", "application/json"),
        Answer(200, b"[1]", "application/json"),
        Answer(200, b'"text"', "application/json"),
        Answer(200, b"NaN", "application/json"),
        Answer(200, b"[" * 5000, "application/json"),
        NotSent("no"),
        AnswerLost("late", code="timeout"),
        ReplyTooLarge("too large", status=200),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_no_style(answer: Answer | NotSent) -> None:
    assert fetch_style(URL, EHR, ScriptedTransport(answer)) is None


def test_a_document_is_read_whatever_it_says_of_its_type() -> None:
    body = json.dumps({"color_text": "#000", "unknown": {"deep": [1]}}).encode()
    assert fetch_style(URL, EHR, ScriptedTransport(Answer(200, body, "text/plain"))) == read_style(
        {"color_text": "#000"}
    )
