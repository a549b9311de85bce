"""`fhir-plugin worklist` and `resume`: what is late ends them with 3, and nobody is named."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fhir_plugin.app import install
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase, PatientId, Reference, WorkId
from mappings.model.work import WorkItem, WorkKind
from tests.app.commands_here import CommandLine

CANARY = "canary-of-a-person"


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state")})


def add(here: CommandLine, *, hours_late: float) -> None:
    installation = install(Settings(state=here.state))
    now = installation.clock.now()
    try:
        installation.worklist.add(
            WorkItem(
                id=WorkId("w1"),
                kind=WorkKind.CALL_ME,
                fhir_base=FhirBase("https://ehr.example/fhir"),
                patient=PatientId(CANARY),
                subject="r1",
                created=now - dt.timedelta(days=2),
                due=now - dt.timedelta(hours=hours_late),
                owner=Reference("Practitioner/gp"),
                owner_name=CANARY,
                patient_name=CANARY,
                words=CANARY,
            )
        )
    finally:
        installation.close()


def test_nothing_late_is_done(here: CommandLine) -> None:
    add(here, hours_late=-5)
    ran = here.run("worklist", "--json")
    assert (ran.status, ran.json()) == (0, {"late": []})
    assert here.run("worklist").out.startswith("0 late.")


def test_what_is_late_is_listed_for_an_alert_and_names_nobody(here: CommandLine) -> None:
    add(here, hours_late=5)
    listed = here.run("worklist", "--json")
    assert listed.status == 3
    line = listed.json()["late"][0]
    assert (line["item"], line["kind"], line["hours_late"], line["owner"]) == ("w1", "call-me", 5, "Practitioner/gp")
    resumed = here.run("resume", "--json")
    assert (resumed.status, resumed.json()["late_work"]) == (3, [line])
    words = here.run("worklist").out
    assert "1 late." in words and "5 h late" in words
    assert CANARY not in listed.out + listed.err + resumed.out + resumed.err + words
