"""What `fhir-plugin issuer` ends with and leaves behind: statuses, the file of issuers, its entry, verdicts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from tests.app.commands_here import CommandLine
from tests.app.ehrs import BASE, Written

DONE, CHECK_FAILED, REFUSED, SOMEBODY_MUST_LOOK, USAGE, UNAVAILABLE = 0, 1, 2, 3, 64, 69
APP = "https://images.example"


def configuration_of(ehr: Written) -> dict[str, Any]:
    found = ehr.documents[f"{BASE}/.well-known/smart-configuration"]
    assert isinstance(found, dict)
    return found


def issuers_file(here: CommandLine) -> Path:
    return here.state / "issuers.toml"


def only_entry(here: CommandLine) -> dict[str, Any]:
    (entry,) = tomllib.loads(issuers_file(here).read_text())["issuer"]
    assert isinstance(entry, dict)
    return entry


def verdicts_of(here: CommandLine, *arguments: str) -> dict[str, str]:
    (found,) = here.run("issuer", "check", "--json", *arguments).json()["issuers"]
    return {each["check"]: each["verdict"] for each in found["checks"]}
