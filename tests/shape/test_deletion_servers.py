"""docs/deletion-servers.md names every way to forget, as the app asks for it, and every kind of server."""

from __future__ import annotations

from fhir_plugin.sandbox.fhir.personality import personality_names
from tests.shape.deletion_means import rows_of
from tests.shape.project import section

DOCUMENT = "docs/deletion-servers.md"


def test_every_way_to_forget_stands_there_as_it_is_asked_for() -> None:
    said = [line for line in section(DOCUMENT, "How a server is asked to forget").splitlines() if line.startswith("|")]
    assert said == rows_of()


def test_every_kind_of_server_has_a_row() -> None:
    rows = [line.split("`")[1] for line in section(DOCUMENT, "What comes of it").splitlines() if line.startswith("| `")]
    assert [row for row in rows if row != "--like"] == personality_names()
