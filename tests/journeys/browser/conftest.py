"""One ward for each module, one browser for all, one clean profile for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from fhir_plugin.demo import Demo
from tests.journeys.browser.drawn import draw_photographs
from tests.journeys.browser.ward import ARGUMENTS, CHROMIUM, Desk, ShiftedClock, open_ward
from tests.journeys.browser.watch import DESKTOP

OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def chromium(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def ward_clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, ward_clock: ShiftedClock) -> Iterator[Demo]:
    with open_ward(tmp_path_factory.mktemp("ward"), ward_clock) as demo:
        yield demo


@pytest.fixture
def open_desk(chromium: Browser, ward: Demo) -> Iterator[OpenDesk]:
    """A person at a browser with a clean profile. When the test is over, what the browser did is looked through."""
    desks: list[Desk] = []

    def opened(*, width: int = DESKTOP["width"], height: int = DESKTOP["height"]) -> Desk:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", reduced_motion="reduce"
        )
        desks.append(Desk(ward, context))
        return desks[-1]

    yield opened
    for desk in desks:
        desk.context.close()
    for desk in desks:
        desk.watch.verify()


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """A GP who has signed in."""
    made = open_desk()
    made.sign_in()
    return made


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return draw_photographs(tmp_path_factory.mktemp("photos"), 4)
