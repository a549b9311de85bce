"""What every page of a launch says about the policy in force: nothing while all is well, and never markup."""

from __future__ import annotations

import datetime as dt
import html
from dataclasses import replace

import pytest
from flask import Flask

from fhir_plugin.policy.pack import shipped_pack
from tests.web.conftest import Person

BROKEN = replace(shipped_pack(), stayed_because='the policy key <script>alert("x")</script> is unknown')
DAYS = {
    "well": (shipped_pack(), dt.date(2027, 1, 1), []),
    "early": (shipped_pack(), dt.date(2027, 11, 1), ["is due for review by 2027-11-30"]),
    "overdue": (shipped_pack(), dt.date(2028, 1, 1), ["was due for review on 2027-11-30"]),
    "last good": (BROKEN, dt.date(2027, 1, 1), ["the last good one, stays in force"]),
    "both": (BROKEN, dt.date(2028, 1, 1), ["the last good one, stays in force", "was due for review"]),
}


@pytest.mark.parametrize("case", DAYS)
@pytest.mark.parametrize("where", ["gallery", "capture"])
def test_every_page_says_how_the_policy_stands(app: Flask, person: Person, case: str, where: str) -> None:
    pack, day, words = DAYS[case]
    app.jinja_env.globals["policy_notices"] = lambda: pack.notices(day)
    path = f"captures/{person.begin()}" if where == "capture" else ""
    page = person.get(path)
    assert page.status_code == 200
    banner = page.text[page.text.index("<header") : page.text.index("</header>")]
    strips = [each.partition("</p>")[0] for each in banner.split("<strong>Policy</strong> ")[1:]]
    assert len(strips) == len(words)
    for strip, expected in zip(strips, words, strict=True):
        assert expected in html.unescape(strip) and "<" not in strip
