"""What a refused launch must look like, and all that it must not do."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from werkzeug.test import TestResponse

from tests.app.attacks.conftest import Visitor, code_of, heading

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Refusal:
    """The status, the page's heading, and a word or two of what to do now."""

    status: int
    heading: str
    advice: str
    code: str


def assert_refused(visitor: Visitor, answer: TestResponse, refusal: Refusal, kept: dict[str, int]) -> None:
    """The page is the one expected, nothing was kept or written, and nothing secret was told to anybody."""
    assert (answer.status_code, heading(answer), code_of(answer)) == (refusal.status, refusal.heading, refusal.code)
    advice = re.search(r"(?:What to do now|Whom to ask)</h2>\s*<p>(.*?)</p>", answer.text, re.DOTALL)
    assert advice and refusal.advice in html.unescape(advice[1]), answer.text
    assert visitor.world.kept() == kept, "a refused launch left something"
    assert [asked.url for asked in visitor.world.ehr.asked if asked.writes] == []
    assert_told_nobody(visitor, answer)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]


def assert_told_nobody(visitor: Visitor, answer: TestResponse) -> None:
    """No secret is in the page, its headers or a log; a cookie may carry only itself."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers if name != "Set-Cookie")
    secrets = visitor.secrets | {f"id_token {i}": token for i, token in enumerate(visitor.world.ehr.id_tokens)}
    for name, secret in secrets.items():
        for place, text in (("page", answer.text), ("headers", headers), ("log", visitor.world.logged)):
            assert secret not in text, f"the {name} is in the {place}"
            assert html.escape(secret) not in text, f"the {name} is in the {place}"
