"""The patient's words: all in one file for each language, all used, none elsewhere, and easy to read."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import readability
from flask import Flask
from flask.testing import FlaskClient

from fhir_plugin.capture.requests.request import Asked, Needs
from fhir_plugin.errors import Unavailable
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.web.patient import wording
from fhir_plugin.web.patient.wording import FOLDER, Languages, Value, flat, shipped
from tests.shape.project import ROOT
from tests.web.patients import PHONE, PRACTICE, Clinic, patient_app, photo

MOST_GRADE = 5.0
"""Flesch-Kincaid: years at school in the USA. 5 is an age of about ten."""
MOST_GRADE_OF_A_PAGE = 6.0
SOURCES = [
    *(ROOT / "fhir_plugin" / "web" / "templates" / "patient").glob("*.html"),
    *(ROOT / "fhir_plugin" / "web" / "patient").glob("*.py"),
]
MADE_OF_PARTS = (
    r"(about)\.(own|child)(_title)?",
    r"agree\.(receive|store)(_yes|_no|_missing)?",
    r"check\.(receive|store)",
    r"child\.(agrees|too_young|objects)",
    r"(about|child|private|agree|photos|taker|when|check)\.title(_one)?",
    r"crop\.(cut_(top|bottom|left|right)|corner_(nw|ne|sw|se)|kept)",
    r"(declined|called|withdrawn|answered|over)\.\w+",
    r"photos\.(take|choose|choose_more|photo|sending|checking|arrived|no_signal|again|too_many|leave)",
    r"refused\.\w+",
    r"stopped\.(private|child|worker|unhappy|receive)(_title)?",
    r"taker\.(patient|parent|family-carer|care-worker|other)",
)
"""Keys that the pages put together. The walk through all pages, below, would stumble over one that is missing."""

EN = flat(tomllib.loads((FOLDER / "en.toml").read_text("utf-8")))
PLAIN = {key.split(".", 1)[1] if key.startswith(("parent.", "young.")) else key for key in EN}


def texts(value: Value) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_key_that_is_used_exists_and_every_key_is_used() -> None:
    source = "\n".join(path.read_text("utf-8") for path in SOURCES)
    named = set(
        re.findall(r"""(?:\bw|words)(?:\.each|\.has|\.unfilled)?\(\s*["']([a-z_]+\.[a-z_-]+)["'](?! ~)""", source)
    )
    assert len(named) > 60
    assert named - PLAIN == set(), "used, but nowhere written"
    said = {key for key in PLAIN if f'"{key}"' in source}
    rest = {key for key in PLAIN - said if not any(re.fullmatch(each, key) for each in MADE_OF_PARTS)}
    assert rest == set(), "written, but nowhere used"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: str(path.stem))
def test_a_language_says_everything_and_knows_the_same_places(path: Path) -> None:
    own = flat(tomllib.loads(path.read_text("utf-8")))
    if path.stem.endswith(f".{wording.EASY}"):
        assert set(own) <= set(EN)
    else:
        assert set(own) == set(EN)
        assert own["language.dir"] in ("ltr", "rtl")
        assert own["language.tag"] == path.stem
        assert len(own["language.months"]) == 12
    for key, value in own.items():
        assert isinstance(value, str) == isinstance(EN[key], str), key
        places = {place for text in texts(value) for place in re.findall(r"\{(\w+)\}", text)}
        known = {place for text in texts(EN[key]) for place in re.findall(r"\{(\w+)\}", text)}
        if path.stem.endswith(f".{wording.EASY}"):
            assert places <= known, key
        else:
            assert (places, len(texts(value))) == (known, len(texts(EN[key]))), key
        assert not any(mark in text for text in texts(value) for mark in "<>&"), f"{key} holds markup"


# ----------------------------------------------------------------------------------------------------------- language


def written(folder: Path, tag: str, direction: str) -> None:
    """A language in which every word stands in brackets."""
    lines: list[str] = []
    for key, value in EN.items():
        section, name = key.rsplit(".", 1)
        marked = [f"⟦{text}⟧" for text in texts(value)]
        if key in ("language.tag", "language.dir"):
            marked = [tag if name == "tag" else direction]
        if key in ("language.months", "language.day"):
            marked = texts(value)
        quoted = [f'"{each}"' for each in marked]
        lines += [f"[{section}]", f'"{name}" = ' + (quoted[0] if isinstance(value, str) else f"[{', '.join(quoted)}]")]
    merged: dict[str, list[str]] = {}
    for header, line in zip(lines[::2], lines[1::2], strict=True):
        merged.setdefault(header, []).append(line)
    text = "\n".join("\n".join([header, *found]) for header, found in merged.items())
    (folder / f"{tag}.toml").write_text(text, "utf-8")


class Shown(HTMLParser):
    """Everything that a person sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.html: dict[str, str | None] = {}
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.html = dict(attrs)
        self._hidden += tag in ("script", "style")
        self.found += [value or "" for name, value in attrs if name in ("alt", "aria-label", "title", "placeholder")]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(data.strip())


@pytest.fixture
def languages(tmp_path: Path) -> Languages:
    written(tmp_path, "ar", "rtl")
    (tmp_path / "en.toml").write_text((FOLDER / "en.toml").read_text("utf-8"), "utf-8")
    return Languages(tmp_path)


def walk(app: Flask, clinic: Clinic, asked: Asked, **needs: str) -> Iterator[str]:
    """Every page of one visit, from the first to the last."""
    secret = clinic.ask(asked, needs=Needs(**needs))  # type: ignore[arg-type] # a language is a text
    client = app.test_client()
    client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": "app.example"})
    born = clinic.request(secret).birth_date
    at = f"/p/{secret}"
    token = ""

    def get(page: str) -> str:
        nonlocal token
        text = client.get(f"{at}/{page}" if page else at, follow_redirects=True).text
        if found := re.search(r'csrf_token" value="([^"]+)', text):
            token = found[1]
        return text

    def post(page: str, **said: str) -> str:
        return client.post(f"{at}/{page}", data={"csrf_token": token, **said}, follow_redirects=True).text

    yield get("")
    yield get("birth")
    yield post("birth")
    yield post("birth", day="1", month="2", year="1903")
    yield post("birth", day=str(born.day), month=str(born.month), year=str(born.year))
    yield post("about")
    if asked is Asked.PARENT:
        yield post("child")
        yield post("child", child_view="agrees")
    yield post("private")
    yield post("private", private="no")
    yield post("agree")
    yield post("agree", receive="yes", store="no")
    yield post("photos/done")
    text = add(client, at, token, photo())
    yield text
    image = re.findall(r'data-picture="([^"]+)"', text)[0]
    yield get(f"photos/{image}/crop")
    yield post("photos/done")
    yield post("taker")
    yield post("taker", photographer="family-carer")
    yield post("helper")
    yield post("helper", helper_agreed="yes")
    yield post("when")
    yield post("when", when="other", day="31", month="2", year="2026")
    yield post("when", when="today")
    yield post("check")
    yield post("check", only_area="yes")
    yield get("withdraw")
    yield post("withdraw")


def add(client: FlaskClient, at: str, token: str, content: bytes) -> str:
    from io import BytesIO

    form = {"csrf_token": token, "picture": (BytesIO(content), "me.jpg")}
    return client.post(f"{at}/photos", data=form, content_type="multipart/form-data", follow_redirects=True).text


def outside(text: str) -> str:
    """What stands in no bracket, however deep they go."""
    while (shorter := re.sub(r"⟦[^⟦⟧]*⟧", "", text)) != text:
        text = shorter
    return text


@pytest.mark.parametrize("asked", list(Asked))
def test_no_page_has_a_word_of_its_own(languages: Languages, asked: Asked) -> None:
    clinic = Clinic()
    app = patient_app(clinic)
    app.extensions["patient_languages"] = languages
    count = 0
    for text in walk(app, clinic, asked, language="ar"):
        page = Shown()
        page.feed(text)
        assert (page.html["lang"], page.html["dir"]) == ("ar", "rtl")
        count += 1
        for words in page.found:
            left = outside(words)
            for known in (PRACTICE, PHONE, "999", "111", "English", ":", "–", clinic.bench.clock.now().strftime("%B")):
                left = left.replace(known, "")
            request = clinic.requests._every()[-1]
            told = {each.told for each in shipped_pack("strict").retention}
            if words in told:  # how long it is kept is said in English rather than not at all (X17)
                assert '<p lang="en" dir="ltr">' in text
                continue
            if words in (request.purpose, request.area) or not re.search(r"[A-Za-z]{2}", left):
                continue
            raise AssertionError(f"{words!r} is not in the language's file")
    assert count > 20


@pytest.mark.parametrize(
    ("needed", "header", "expected"),
    [("", "", "en"), ("", "ar-EG,en;q=0.5", "ar"), ("ar", "en", "ar"), ("cy", "ar", "ar"), ("", "cy,fr", "en")],
)
def test_the_language_is_the_one_that_is_needed_then_the_browsers(
    languages: Languages, needed: str, header: str, expected: str
) -> None:
    clinic = Clinic()
    app = patient_app(clinic)
    app.extensions["patient_languages"] = languages
    secret = clinic.ask(needs=Needs(language=needed))
    text = app.test_client().get(f"/p/{secret}", headers={"Accept-Language": header} if header else {}).text
    assert f'<html lang="{expected}"' in text


SHIPPED_BESIDES = sorted({path.stem for path in FOLDER.glob("*.toml")} - {"en", "en.easy"})


def test_there_is_a_translation() -> None:
    assert "cy" in SHIPPED_BESIDES


@pytest.mark.parametrize("tag", SHIPPED_BESIDES)
def test_a_translation_that_nobody_has_checked_says_so_and_is_off(tag: str) -> None:
    said = (FOLDER / f"{tag}.toml").read_text("utf-8").split("[language]")[0]
    assert "MADE BY A MACHINE AND NOT CHECKED" in said
    assert tag not in shipped().tags
    clinic = Clinic()
    secret = clinic.ask(needs=Needs(language=tag))
    text = patient_app(clinic).test_client().get(f"/p/{secret}", headers={"Accept-Language": tag}).text
    assert '<html lang="en" dir="ltr"' in text
    assert f'value="{tag}"' not in text, "and no button offers it"


@pytest.mark.parametrize("tag", SHIPPED_BESIDES)
@pytest.mark.parametrize("asked", list(Asked))
def test_a_translation_that_is_offered_is_said_on_every_page(tag: str, asked: Asked) -> None:
    clinic = Clinic()
    app = patient_app(clinic)
    app.extensions["patient_languages"] = offered = shipped(f"{tag}, en")
    assert offered.tags == ["en", tag]
    own = offered.table(tag)
    english = {text for key, value in EN.items() for text in texts(value) if value != own[key] and "{" not in text}
    english -= {str(EN["language.name"]), *(text for value in own.values() for text in texts(value))}
    pages = list(walk(app, clinic, asked, language=tag))
    assert len(pages) > 20
    for text in pages:
        page = Shown()
        page.feed(text)
        assert (page.html["lang"], page.html["dir"]) == (own["language.tag"], own["language.dir"])
        assert [words for words in page.found if words in english] == []
        assert 'name="language" value="en" lang="en"' in text or "p-look" not in text, "the way back to English"


def test_a_language_that_does_not_exist_is_said_when_the_app_starts() -> None:
    with pytest.raises(Unavailable, match="no language 'xx'"):
        shipped("cy xx")


def test_the_months_of_a_translation_are_months() -> None:
    words = shipped("cy").words("cy")
    assert words.day(dt.date(2026, 2, 7)) == "7 Chwefror 2026"


def test_a_language_that_lacks_a_word_says_it_in_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[language]\ntag="en"\ndir="ltr"\n[a]\nb="two"\nc="three {x}"\n', "utf-8")
    (tmp_path / "cy.toml").write_text('[language]\ntag="cy"\ndir="ltr"\n[a]\nb="dau"\n', "utf-8")
    words = Languages(tmp_path).words("cy")
    assert (words("a.b"), words("a.c", x="y")) == ("dau", "three y")
    with pytest.raises(KeyError):
        words("a.d")
    with pytest.raises(KeyError):
        words("a.c")


def test_a_parents_own_words_come_before_easier_ones() -> None:
    easy = shipped().words("en", audience="parent", easy=True)
    assert "your child" in easy("start.lede", practice=PRACTICE)
    assert easy("start.lede", practice=PRACTICE) != shipped().words("en", audience="parent")(
        "start.lede", practice=PRACTICE
    )
    for key in EN:
        if key.startswith("parent.") and key.removeprefix("parent.") in shipped().table("en.easy"):
            assert key in shipped().table("en.easy"), f"a parent reads easier words meant for a patient: {key}"


# ------------------------------------------------------------------------------------------------------- reading age


def sentences(values: list[str]) -> list[str]:
    """One sentence a line, its words apart, as `readability` takes them."""
    found = []
    for text in values:
        filled = re.sub(r"\{\w+\}", "ten", text)
        for sentence in re.findall(r"[^.?!]+[.?!]", filled):  # headings and buttons would flatter the measure
            words = re.findall(r"[\w’'-]+", sentence)
            if words:
                found.append(" ".join(words))
    return found


def grade(values: list[str]) -> float:
    measures = readability.getmeasures(sentences(values), lang="en")
    return round(float(measures["readability grades"]["Kincaid"]), 2)


def by_page(table: dict[str, Value]) -> dict[str, list[str]]:
    pages: dict[str, list[str]] = {}
    for key, value in table.items():
        page = ".".join(key.split(".")[:-1])
        if page != "language":
            pages.setdefault(page, []).extend(texts(value))
    return pages


def test_a_child_of_ten_can_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    pages = by_page(EN)
    every = [text for page in pages.values() for text in page]
    whole = grade(every)
    grades = {page: grade(found) for page, found in pages.items() if len(sentences(found)) >= 5}
    easy = grade([text for page in by_page(shipped().table("en.easy")).values() for text in page])
    measures = readability.getmeasures(sentences(every), lang="en")["readability grades"]
    with capsys.disabled():
        hardest = max(grades, key=lambda page: grades[page])
        print(  # noqa: T201 - the measure is what this test is run for
            f"\nReading grade (Flesch-Kincaid): {whole} over {len(sentences(every))} sentences, reading ease "
            f"{measures['FleschReadingEase']:.0f}, SMOG {measures['SMOGIndex']:.1f}, "
            f"Gunning fog {measures['GunningFogIndex']:.1f}; hardest page {hardest} {grades[hardest]}; easy-read {easy}"
        )
    assert whole <= MOST_GRADE
    assert measures["SMOGIndex"] <= MOST_GRADE_OF_A_PAGE  # counts long words only, so that it trusts no syllables
    assert measures["GunningFogIndex"] <= MOST_GRADE
    assert {page: found for page, found in grades.items() if found > MOST_GRADE_OF_A_PAGE} == {}
    assert easy <= 3.0


def test_the_measure_finds_hard_words() -> None:
    hard = "Notwithstanding contraindications, photographic documentation facilitates interdisciplinary consultation."
    assert grade([hard]) > 12


def test_no_word_that_needs_a_dictionary() -> None:
    jargon = re.compile(
        r"\b(lesion|consent|upload|device|confidential|identif\w+|anonym\w+|clinical\w*|GDPR|browser|submit\w*|withdraw\w*)\b",
        re.IGNORECASE,
    )
    found = [key for key, value in EN.items() for text in texts(value) if jargon.search(text)]
    assert found == []
