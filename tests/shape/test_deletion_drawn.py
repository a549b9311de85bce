"""`docs/deletion.md` draws the life of a request as the code has it."""

from __future__ import annotations

from fhir_plugin.delete.lifecycle import diagram
from tests.journeys.browser.guardian_steps import FOLDER, MOST_BYTES, NAMES
from tests.shape.project import text_of


def test_the_drawing_is_that_of_the_table() -> None:
    drawn = text_of("docs/deletion.md").split("```mermaid\n")[1].split("```")[0]
    assert drawn == diagram()


def test_the_pictures_of_the_documentation_are_these() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.png")) == sorted(NAMES)
    assert all((FOLDER / f"{name}.png").stat().st_size < MOST_BYTES for name in NAMES)
    assert all(f"pictures/guardian/{name}.png" in text_of("docs/deletion.md") for name in NAMES)
