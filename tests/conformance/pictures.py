"""The pictures of docs/conformance.md and docs/screens.md, taken anew.

    nice .venv/bin/python -m tests.conformance.pictures

A run against HAPI FHIR JPA, and the tester's page of a launch in which one drawn photograph was filed.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.conformance import files
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.walkthrough import add, answers_for, begin, launch, open_browser
from tests.conformance.servers import tried
from tests.servers.hapi_server import running_hapi
from tests.web.chromium import FLAGS

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures" / "conformance"


def save(page: Page, name: str) -> None:
    """The whole page, with as few colours as it needs."""
    with Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled"))) as shot:
        shot.convert("RGB").quantize(64).save(FOLDER / f"{name}.png", "PNG", optimize=True)


def testers_page(demo: Demo, page: Page) -> None:
    """What a tester sees after one filing: the launch, the scopes, and one resource opened."""
    with open_browser() as browser:
        gallery = launch(demo, browser)
        capture = begin(browser, gallery)
        image = add(browser, capture, _drawn_photograph(), "image/jpeg")
        browser.post(capture, f"{capture.url}/file", answers_for([image]))
        text = browser.get(f"{demo.app.origin}/tester").text
    page.route("**/shown", lambda route: route.fulfill(body=text, content_type="text/html"))
    page.goto(f"{demo.app.origin}/shown")
    page.locator("summary", has_text="Media/").first.click()
    for each in ("#requests", "#without"):
        page.locator(f"{each} ~ ul").first.evaluate("(list) => [...list.children].slice(4).forEach((e) => e.remove())")
    save(page, "tester")


def main() -> None:
    """Takes both."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        with tempfile.TemporaryDirectory() as folder, start_demo(Path(folder), tester=True) as demo:
            testers_page(demo, page)
        with running_hapi() as base:
            page.set_content(files.as_html(tried(base)))
        save(page, "report")
        browser.close()


if __name__ == "__main__":
    main()
