"""What cookies a browser keeps for a page where it stands: measured, not believed."""

from __future__ import annotations

from playwright.sync_api import Frame

_SET = """(more) => {
  document.cookie = `probe=yes; Path=/; SameSite=None; Secure${more}`
}"""
_CLEAR = """(more) => {
  document.cookie = `probe=; Path=/; SameSite=None; Secure; Max-Age=0${more}`
}"""


def cookie_comes_back(app: Frame, *, partitioned: bool) -> bool:
    """Whether a cookie set in this frame is sent with the next request from it."""
    more = "; Partitioned" if partitioned else ""
    app.evaluate(_SET, more)
    try:
        with app.page.expect_request("**/healthz") as asked:
            app.evaluate("fetch('/healthz', { credentials: 'include' })")
        return "probe=yes" in asked.value.all_headers().get("cookie", "")
    finally:
        app.evaluate(_CLEAR, more)
