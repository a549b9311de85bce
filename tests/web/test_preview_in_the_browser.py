"""What they get, with its pictures, in a browser: closed at first, opened with a reason, and nothing in it runs."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from tests.web.at_the_desk import a_request, officer
from tests.web.chromium import Open, address, chromium, launch, well
from tests.web.fake import FakeParts
from tests.web.test_disclosing_in_the_browser import go

__all__ = ["address", "chromium", "launch"]

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_pictures_of_what_they_get_open_with_a_reason(launch: Open, parts: FakeParts, scripts: bool) -> None:
    officer(parts)
    request = a_request(parts)
    inside = base64.b64encode(parts.desk.pixels).decode()
    parts.desk.page = (
        f'<h1>Record</h1><img alt="one" src="data:image/jpeg;base64,{inside}"><script>document.title="x"</script>'
    )
    page = launch("amy", width=1280, height=900, scripts=scripts)
    go(page, f"disclosures/{request.id}/preview")
    if scripts:
        well(page, "the preview, closed")
    assert not parts.desk.opened
    page.get_by_text("Show it with its pictures").click()
    page.get_by_role("button", name="To check what will be sent before signing").click()
    shown = page.frame_locator("iframe.app-preview").get_by_role("img", name="one")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 640 if scripts else parts.desk.opened
    if scripts:
        well(page, "the preview, with its pictures")
    page.get_by_role("link", name="The cover sheet").click()
    expect(page.frame_locator("iframe.app-preview").get_by_text("cover.html")).to_be_visible()
