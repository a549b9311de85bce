"""The documentation's pictures can be taken at any time, are complete, and small enough to keep in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from fhir_plugin.demo import Demo
from tests.journeys.browser.pictures import FOLDER, MOST_BYTES, NAMES, take_pictures

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]


@pytest.mark.exhaustive  # what is on them is walked through, and looked at by axe, in other tests
def test_every_picture_is_taken(ward: Demo, chromium: Browser, tmp_path: Path) -> None:
    take_pictures(ward, chromium, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(NAMES)
    for path in tmp_path.iterdir():
        assert path.stat().st_size < MOST_BYTES, path.name
        with Image.open(path) as picture:
            assert len(picture.getcolors(256) or []) > 40, f"{path.name} shows next to nothing"


def test_the_pictures_of_the_documentation_are_these() -> None:
    kept = sorted(path.stem for path in FOLDER.glob("*.png"))
    assert kept == sorted(NAMES)
    assert all((FOLDER / f"{name}.png").stat().st_size < MOST_BYTES for name in NAMES)
