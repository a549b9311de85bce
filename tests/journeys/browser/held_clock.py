"""A computer and a server whose clocks the test holds; what a page shows when its session nears its end or is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Frame, Locator, Response, expect

from tests.journeys.browser.conftest import OpenDesk
from tests.journeys.browser.ward import Desk, ShiftedClock, scripts_have_begun

OVER = "You are signed out of this chart"
EXPIRED = "This page has expired"
ENDED = "status of 401|Status Error Code 401"
Passing = Callable[..., None]


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """A GP who has signed in, at a computer whose clock we hold."""
    made = open_desk()
    made.context.clock.install()
    made.sign_in()
    return made


@pytest.fixture
def time_passes(desk: Desk, ward_clock: ShiftedClock) -> Iterator[Passing]:
    """Lets time go by at the server, and in every page."""

    def go_by(*, seconds: float = 0, minutes: float = 0, pages: bool = True) -> None:
        scripts_have_begun(desk.context)
        step = dt.timedelta(seconds=seconds, minutes=minutes)
        ward_clock.by += step
        if pages:
            desk.context.clock.fast_forward(round(step.total_seconds() * 1000))

    yield go_by
    ward_clock.by = dt.timedelta()


def warning(app: Frame) -> Locator:
    return app.get_by_role("alertdialog")


@contextmanager
def saved(desk: Desk, words: str) -> Iterator[None]:
    """Until the server has taken these words."""

    def taken(answered: Response) -> bool:
        return answered.ok and words in unquote_plus(answered.request.post_data or "")

    with desk.context.expect_event("response", taken):
        yield


def expect_shut(app: Frame) -> None:
    """Nothing of the patient is left in the page."""
    expect(app.get_by_role("heading", level=1)).to_have_text(OVER)
    left = app.evaluate("document.documentElement.outerHTML")
    for word in ("Anand", "Priya", "Whitlock", "9993395633", "p-adult"):
        assert word not in left
    assert app.locator("img, video, form, svg").count() == 0
