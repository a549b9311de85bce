"""What of an EHR's style is taken over, what is not, and that nobody waits for it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from fhir_plugin.web.access import remembered_in_this_request
from fhir_plugin.web.style import (
    AGAIN_SECONDS,
    GROUND,
    HIGHLIGHT,
    INK,
    PANEL,
    READABLE,
    SOFT,
    StyleSheets,
    contrast,
    luminance,
    style_sheet,
)
from mappings.model.identifiers import LaunchId
from smart_launch import Issuer, IssuerRegistry, NotSent, Transport
from smart_launch.style import Colour, SmartStyle, read_style
from tests.fakes.transport import Answer, ScriptedTransport
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import BASE, FakeSessions, Kept

URL = "https://ehr.example/style.json?v=1"
EHR = Issuer(name="ehr", iss=BASE, client_id="x")
SAFE = {
    "color_background": "#eceae4",
    "color_highlight": "#2f5d62",
    "color_text": "#1c1c1c",
    "color_modal_backdrop": "#333333",
    "color_success": "#1d6b32",
    "dim_border_radius": "0",
    "dim_font_size": "18px",
    "dim_spacing_size": "10px",
    "font_family_body": "Verdana, 'Segoe UI', sans-serif",
    "font_family_heading": "Georgia",
}
GRAMMAR = re.compile(
    r"(?::root\{(?:--app-[a-z-]+:(?:#[0-9a-f]{6}|rgb\(\d{1,3} \d{1,3} \d{1,3} / \d{2}%\)|\d{1,3}(?:\.\d+)?(?:px|%)"
    r'|(?:"[A-Za-z0-9 _-]+"|[a-z-]+)(?:,(?:"[A-Za-z0-9 _-]+"|[a-z-]+))*);)+\}\n)?'
)
OURS = {"red", "ink", "yellow", "dark", "calm", "line", "bar"}
"""What no EHR changes: errors, focus, the patient banner, sensitive pictures."""


def properties(document: Mapping[str, object]) -> dict[str, str]:
    sheet = style_sheet(read_style(document))
    assert GRAMMAR.fullmatch(sheet), sheet
    return dict(re.findall(r"--app-([a-z-]+):([^;]*);", sheet))


# ------------------------------------------------------------------------------- what is safe


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        (Colour(0, 0, 0), Colour(255, 255, 255), 21.0),
        (Colour(255, 255, 255), Colour(255, 255, 255), 1.0),
        (Colour(0x77, 0x77, 0x77), Colour(255, 255, 255), 4.478),
        (Colour(0x76, 0x76, 0x76), Colour(255, 255, 255), 4.542),
        (Colour(255, 0, 0), Colour(255, 255, 255), 3.998),
        (Colour(0, 0, 255), Colour(255, 255, 255), 8.592),
    ],
)
def test_contrast_is_that_of_wcag(one: Colour, other: Colour, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


def test_luminance_weighs_green_most() -> None:
    parts = [luminance(Colour(*channels)) for channels in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    assert sum(parts) == pytest.approx(1)
    assert parts[1] > parts[0] > parts[2]


def test_our_own_colours_pass_our_own_rule() -> None:
    assert all(contrast(words, under) >= READABLE for words in (INK, SOFT, HIGHLIGHT) for under in (GROUND, PANEL))


def test_a_safe_style_is_taken_over() -> None:
    found = properties(SAFE)
    assert found["ground"] == "#eceae4"
    assert found["text"] == "#1c1c1c"
    assert found["blue"] == found["button"] == "#2f5d62"
    assert found["green"] == "#1d6b32"
    assert found["backdrop"] == "rgb(51 51 51 / 60%)"
    assert found["size"] == "112.5%"
    assert (found["radius"], found["radius-small"], found["space"]) == ("0px", "0px", "10px")
    assert found["font-body"] == '"Verdana","Segoe UI",sans-serif,arial,sans-serif'
    assert found["font-heading"] == '"Georgia",arial,sans-serif'


@pytest.mark.parametrize(
    "changed",
    [
        {"color_text": "#eceae4"},
        {"color_text": "#8a8a8a"},
        {"color_background": "#1c1c1c"},
        {"color_background": "#1c1c1c", "color_text": "#f0f0f0", "color_highlight": "#9ad0ff"},
        {"color_highlight": "#69b5ce"},
        {"color_highlight": "#ffeb3b"},
        {"color_text": "rgba(28,28,28,.5)"},
        {"color_background": "rgb(255 255 255 / 0)"},
    ],
    ids=str,
)
def test_unsafe_colours_are_ignored_as_a_whole_set_and_the_rest_stays(changed: dict[str, str]) -> None:
    found = properties({**SAFE, **changed})
    assert not {"ground", "text", "blue", "button", "tint", "soft", "deep", "visited"} & set(found)
    assert found["size"] == "112.5%"
    assert "font-body" in found


def test_one_colour_alone_is_judged_with_ours() -> None:
    assert properties({"color_text": "#000"})["ground"] == "#f0f4f5"
    assert properties({"color_text": "#777"}) == {}
    assert properties({"color_error": "#000"}) == {}


@example(Colour(255, 255, 255), Colour(0x76, 0x76, 0x76))  # just readable on white, and no longer on a tint of itself
@example(Colour(0xCC, 0xCC, 0xCC), Colour(0x20, 0x30, 0x60))  # our own quieter text is not readable on it
@given(st.builds(Colour, *[st.integers(0, 255)] * 3), st.builds(Colour, *[st.integers(0, 255)] * 3))
def test_whatever_is_taken_over_can_be_read(background: Colour, highlight: Colour) -> None:
    ink = Colour(0, 0, 0)
    sheet = style_sheet(SmartStyle(color_background=background, color_highlight=highlight, color_text=ink))
    found = {name: _read(value) for name, value in re.findall(r"--app-([a-z-]+):(#[0-9a-f]{6});", sheet)}
    if not found:
        return
    for words in ("text", "soft", "error", "deep", "blue", "blue-hover", "blue-dark", "visited"):
        assert contrast(found[words], found["ground"]) >= READABLE, words
        assert contrast(found[words], PANEL) >= READABLE, words
    for under in ("blue", "blue-hover", "button", "button-hover", "button-dark"):
        assert contrast(PANEL, found[under]) >= READABLE, under
        assert contrast(found[under], found["ground"]) >= 3, under
    assert min(contrast(words, found["tint"]) for words in (found["text"], found["blue"], SOFT)) >= READABLE
    assert contrast(INK, found["ground"]) >= READABLE


def _read(text: str) -> Colour:
    found = read_style({"color_text": text}).color_text
    assert found is not None
    return found


@pytest.mark.parametrize("colour", ["#c00", "#b58a00", "#003087", "#000", "#777", "#00ff00"])
def test_success_must_read_as_green(colour: str) -> None:
    assert "green" not in properties({"color_success": colour})


def test_a_backdrop_must_set_dialogs_off() -> None:
    assert "backdrop" not in properties({"color_modal_backdrop": "#fefefe"})
    assert properties({"color_modal_backdrop": "rgba(0,0,0,.01)"})["backdrop"] == "rgb(0 0 0 / 30%)"
    assert properties({"color_modal_backdrop": "rgba(0,0,0,.99)"})["backdrop"] == "rgb(0 0 0 / 80%)"


@pytest.mark.parametrize(
    ("asked", "given"),
    [("6px", None), ("14px", None), ("16px", None), ("1rem", None), ("20px", "125%"), ("3rem", "125%")],
)
def test_text_never_shrinks_and_grows_within_reason(asked: str, given: str | None) -> None:
    assert properties({"dim_font_size": asked}).get("size") == given


def test_fonts_of_signs_are_no_fonts_for_reading() -> None:
    assert properties({"font_family_body": "Wingdings, Webdings, 'MS Symbol', 'Font Awesome 5 Free'"}) == {}
    assert properties({"font_family_body": "Wingdings, -apple-system, BlinkMacSystemFont, Arial"})["font-body"] == (
        'system-ui,"Arial",arial,sans-serif'
    )


@given(
    st.builds(
        SmartStyle,
        *[st.none() | st.builds(Colour, *[st.integers(0, 255)] * 3, alpha=st.floats(0, 1))] * 6,
        *[st.none() | st.floats(0, 64)] * 3,
        *[st.lists(st.from_regex(r"\A-?[A-Za-z][A-Za-z0-9 _-]{0,39}\Z"), max_size=8).map(tuple)] * 2,
    )
)
def test_a_sheet_is_one_rule_of_properties_that_may_change(style: SmartStyle) -> None:
    sheet = style_sheet(style)
    assert GRAMMAR.fullmatch(sheet), sheet
    assert not OURS & set(re.findall(r"--app-([a-z-]+):", sheet))


def test_every_property_exists_in_our_own_stylesheet() -> None:
    from importlib import resources

    css = resources.files("fhir_plugin.web").joinpath("static", "css", "app.css").read_text("utf-8")
    for name in properties(SAFE):
        assert f"--app-{name}:" in css, f"--app-{name} has no default"
        assert f"var(--app-{name})" in css, f"--app-{name} is used nowhere"


# ------------------------------------------------------------------------------- how it is had


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


class Slow:
    """Styles that come when the test lets them."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []
        self.answer: SmartStyle | None = read_style(SAFE)

    def __call__(self, url: str, issuer: Issuer, transport: Transport) -> SmartStyle | None:
        self.asked.append(url)
        self.go.wait(10)
        return self.answer


def test_a_page_does_not_wait_for_a_slow_style_and_the_next_one_has_it() -> None:
    slow, transport = Slow(), ScriptedTransport()
    sheets = StyleSheets(slow)
    assert sheets.get(URL, EHR, transport, patience=0.01) is None
    assert sheets.get(URL, EHR, transport, patience=0) is None
    slow.go.set()
    assert sheets.get(URL, EHR, transport, patience=10) == style_sheet(read_style(SAFE))
    assert slow.asked == [URL], "asked once, whoever waits"


def test_a_failure_is_tried_again_only_after_a_while() -> None:
    moment, slow = [100.0], Slow()
    slow.go.set()
    slow.answer = None
    sheets = StyleSheets(slow, now=lambda: moment[0])
    for _ in range(3):
        assert sheets.get(URL, EHR, ScriptedTransport(), patience=10) is None
    assert len(slow.asked) == 1
    moment[0] += AGAIN_SECONDS
    slow.answer = SmartStyle()
    assert sheets.get(URL, EHR, ScriptedTransport(), patience=10) == ""
    moment[0] += 10 * AGAIN_SECONDS
    assert sheets.get(URL, EHR, ScriptedTransport(), patience=10) == "", "the URL is the version: what came stays"
    assert len(slow.asked) == 2


def test_only_so_many_are_kept_and_asked_for_at_once() -> None:
    slow = Slow()
    sheets = StyleSheets(slow, most=3)
    for number in range(20):
        sheets.begin(f"{URL}{number}", EHR, ScriptedTransport())
    until(lambda: len(slow.asked) == 4)
    assert sheets.get(f"{URL}19", EHR, ScriptedTransport(), patience=10) is None, "refused at once, not queued"
    slow.go.set()
    until(lambda: sheets.get(f"{URL}20", EHR, ScriptedTransport(), patience=10) is not None)
    for number in range(21, 30):
        assert sheets.get(f"{URL}{number}", EHR, ScriptedTransport(), patience=10) is not None
    again = len(slow.asked)
    assert sheets.get(f"{URL}29", EHR, ScriptedTransport(), patience=10) is not None
    assert len(slow.asked) == again
    sheets.get(f"{URL}20", EHR, ScriptedTransport(), patience=10)
    assert len(slow.asked) == again + 1, "the oldest was let go"


# ------------------------------------------------------------------------------- in a page


class StyledSessions(FakeSessions):
    """Launches whose EHR has a style."""

    def __init__(self, url: object) -> None:
        super().__init__()
        self._url = url

    def get(self, launch_id: LaunchId) -> Kept:
        found = super().get(launch_id)
        context = {**found.context, "smart_style_url": self._url}
        remembered_in_this_request()[launch_id] = styled = replace(found, issuer="ehr", context=context)
        return styled


@dataclass
class StyledParts(FakeParts):
    registry: IssuerRegistry = field(default_factory=lambda: IssuerRegistry([EHR]))
    transport: ScriptedTransport = field(default_factory=ScriptedTransport)


def styled(app: Flask, monkeypatch: pytest.MonkeyPatch, url: object, *script: Answer | NotSent) -> StyledParts:
    parts = StyledParts(transport=ScriptedTransport(*script), sessions=StyledSessions(url))
    monkeypatch.setitem(app.extensions, "fhir_plugin", parts)
    return parts


def link_in(page: str) -> str:
    found = re.findall(r'<link rel="stylesheet" href="(/l/amy/style-[0-9a-f]{16}\.css)">', page)
    assert len(found) == 1
    return str(found[0])


def test_a_launch_with_a_style_links_it_after_ours(app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{URL}&a"
    parts = styled(app, monkeypatch, url, Answer(200, SAFE, "application/json"))
    page = person.get().text
    link = link_in(page)
    assert page.index("app.css") < page.index(link)
    assert "ehr.example" not in link
    sheet = person.client.get(link)
    assert sheet.status_code == 200
    assert sheet.text == style_sheet(read_style(SAFE))
    assert sheet.headers["Content-Type"] == "text/css; charset=utf-8"
    assert sheet.headers["X-Content-Type-Options"] == "nosniff"
    assert sheet.headers["Cache-Control"] == "private, max-age=86400, immutable"
    assert sheet.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert [asked.url for asked in parts.transport.asked] == [url]
    assert "style-src 'self';" in person.get().headers["Content-Security-Policy"]


def test_a_style_that_cannot_be_had_is_an_empty_sheet_that_nobody_keeps(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    styled(app, monkeypatch, f"{URL}&b", NotSent("no"))
    sheet = person.client.get(link_in(person.get().text))
    assert (sheet.status_code, sheet.text) == (200, "")
    assert sheet.headers["Cache-Control"] == "no-store"
    assert sheet.headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("url", [None, "", 7, ["https://ehr.example/style.json"]], ids=repr)
def test_a_launch_without_a_style_links_none(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch, url: object
) -> None:
    styled(app, monkeypatch, url)
    assert "style-" not in person.get().text
    assert person.get("style-e3b0c44298fc1c14.css").status_code == 404


def test_a_sheet_is_found_under_its_own_key_in_its_own_launch_only(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = styled(app, monkeypatch, f"{URL}&c", Answer(200, SAFE, "application/json"))
    link = link_in(person.get().text)
    assert person.client.get(re.sub("style-[0-9a-f]+", "style-0123456789abcdef", link)).status_code == 404
    assert person.client.get(link.replace("/l/amy/", "/l/gone/")).status_code == 401
    with app.test_client() as stranger:
        assert stranger.get(link).status_code == 401
        assert "style-" not in stranger.get("/l/amy/").text
    assert len(parts.transport.asked) <= 1


def test_an_error_page_of_the_launch_has_its_look_too(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    styled(app, monkeypatch, f"{URL}&d", Answer(200, SAFE, "application/json"))
    missing = person.get("captures/nothing")
    assert missing.status_code == 404
    assert link_in(missing.text)


def test_an_ehr_that_left_the_registry_has_no_style(
    app: Flask, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = styled(app, monkeypatch, f"{URL}&e")
    parts.registry = IssuerRegistry([])
    assert "style-" not in person.get().text
