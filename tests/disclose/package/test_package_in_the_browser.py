"""The pages of a package in Chromium, from the unpacked folder and alone: accessible, narrow, and nothing is loaded."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Playwright

from tests.disclose.package.made import contents, image, lines, written
from tests.disclose.package.test_reading import RECORD

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

HOSTILE = {
    "resourceType": "Observation",
    "id": "h",
    "status": "final",
    "code": {"text": "x" * 2000},
    "valueString": "<script>document.title='run'</script>",
    "note": [{"text": "\u0645\u0631\u062d\u0628\u0627"}],
    "text": {
        "status": "additional",
        "div": "<div><table><tr><th>Dose</th><td>1</td></tr></table>"
        "<img src=x onerror=\"document.title='run'\"/></div>",
    },
}


@pytest.fixture(scope="module")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    whole, _package = written(contents(lines(*RECORD, HOSTILE), [image(1)]))
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        opened.extractall(folder)
    return folder


@pytest.mark.parametrize("name", ["record.html", "cover.html"])
@pytest.mark.parametrize("width", [1280, 320])
def test_each_page_is_accessible_and_loads_nothing(chromium: Browser, unpacked: Path, name: str, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, locale="en-GB", offline=True)
    try:
        page = context.new_page()
        asked: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto((unpacked / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
        assert page.evaluate("getComputedStyle(document.querySelector('h2')).borderTopWidth") == "3px", "its own style"
        assert "run" not in page.title()
        assert all(url.startswith(("file:", "data:image/jpeg")) for url in asked), asked
        assert sum(url.startswith("file:") for url in asked) == 1, "not even its neighbours"
        assert complaints == []
    finally:
        context.close()


def test_the_record_shows_its_picture_when_the_page_was_mailed_alone(
    chromium: Browser, unpacked: Path, tmp_path: Path
) -> None:
    shutil.copy(unpacked / "record.html", tmp_path / "record.html")
    context = chromium.new_context(java_script_enabled=True, offline=True)
    try:
        page = context.new_page()
        page.goto((tmp_path / "record.html").as_uri())
        assert page.evaluate("document.querySelector('img').naturalWidth") == 64
        page.goto((unpacked / "record.html").as_uri())
        page.get_by_role("link", name="images/001.jpg").click()
        assert page.url == (unpacked / "images/001.jpg").as_uri(), "beside it, the full size is one click away"
    finally:
        context.close()
