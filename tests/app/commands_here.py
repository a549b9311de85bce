"""The `fhir-plugin` command in this process, on an installation of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from fhir_plugin.app import install
from fhir_plugin.cli import main
from fhir_plugin.settings import Settings


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Exactly one JSON value on standard output and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """`run("keys", "list")` with this installation's settings; `answers` is what somebody types."""

    settings: dict[str, str]

    @property
    def state(self) -> Path:
        return Path(self.settings["FHIR_PLUGIN_STATE"])

    def run(self, *arguments: str, answers: str = "", **more: str) -> Answer:
        done = CliRunner().invoke(main, list(arguments), input=answers, env={**self.settings, **more})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)

    def actions(self) -> list[tuple[str, str | None]]:
        """The audit chain: action and subject of each entry. It must be intact."""
        installation = install(Settings(state=self.state))
        try:
            assert installation.audit.verify().intact
            return [(each.entry.action, each.entry.subject) for each in installation.audit.entries()]
        finally:
            installation.close()
