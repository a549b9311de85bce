"""A command line with its own state, the sandbox, and an EHR on the internet that tests can change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_plugin.sandbox.serve import RunningSandbox, start_sandbox
from tests.app.commands_here import CommandLine
from tests.app.ehrs import Written, published
from tests.app.issuers.written_down import APP


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with start_sandbox() as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    return CommandLine(
        {
            "FHIR_PLUGIN_STATE": str(tmp_path / "state"),
            "FHIR_PLUGIN_BASE_URL": APP,
            "FHIR_PLUGIN_SECRETS": str(tmp_path / "secrets"),
            "HOME": str(tmp_path / "home"),
        }
    )


@pytest.fixture
def ehr(monkeypatch: pytest.MonkeyPatch) -> Written:
    """A good EHR on the internet, until a test changes what it publishes."""
    written = Written(published())
    monkeypatch.setattr("fhir_plugin.commands.issuer_add.Conversation", written.begin)
    monkeypatch.setattr("fhir_plugin.commands.issuer_check.Conversation", written.begin)
    return written
