"""Nobody begins with real patients before the organisation has said what comes first; who runs is not stopped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.adapters.practice import DatabaseColleagues
from fhir_plugin.app import install
from fhir_plugin.installation import Installation
from fhir_plugin.policy.pack import UnusablePack, shipped_pack
from fhir_plugin.ports import AuditEntry
from fhir_plugin.readiness import SERVED, missing_before_patients, ready_for_patients
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, User
from mappings.model.practice import Colleague
from tests.fakes.clock import FakeClock
from tests.fakes.worker import FakeImageWorker
from tests.policy.packs import overlay

NOW = dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)
BASE = "https://fhir.trust-a.example/r4"
REAL = f'[[issuer]]\nname = "trust-a"\niss = "{BASE}"\nclient_id = "photographs"\n'
FIRST = {
    **{
        f"attestations.{name}": dt.date(2026, 11, 20)
        for name in ("dpia", "clinical_safety", "chaperone_policy", "safeguarding_policy", "privacy_notice")
    },
    "wording.privacy_notice_url": "https://elm-tree.example/privacy",
}


@contextmanager
def installed(folder: Path, issuers: str, says: dict[str, Any] | None = None) -> Iterator[Installation]:
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    (state / "issuers.toml").write_text(issuers, "utf-8")
    own = folder / "elm.toml"
    own.write_text(overlay(says, id="elm", organisation="Elm Tree"), "utf-8")
    made = install(
        Settings(state=state, policy_file=own if says is not None else None),
        clock=FakeClock(NOW),
        worker=FakeImageWorker(),
    )
    try:
        yield made
    finally:
        made.close()


def test_what_comes_first_is_what_the_guidance_names() -> None:
    assert set(shipped_pack().missing_before_patients(NOW.date())) == set(FIRST)


def test_nobody_begins_without_it(tmp_path: Path) -> None:
    with installed(tmp_path, REAL) as installation, pytest.raises(UnusablePack) as refused:
        ready_for_patients(installation)
    for named in (*FIRST, "FHIR_PLUGIN_POLICY_FILE", "--sandbox"):
        assert named in refused.value.message


@pytest.mark.parametrize("left_out", FIRST)
def test_each_of_them_counts(tmp_path: Path, left_out: str) -> None:
    says = {name: value for name, value in FIRST.items() if name != left_out}
    with installed(tmp_path, REAL, says) as installation:
        assert missing_before_patients(installation) == (left_out,)
        with pytest.raises(UnusablePack, match=left_out):
            ready_for_patients(installation)


def test_what_is_dated_later_has_not_been_done(tmp_path: Path) -> None:
    says = {**FIRST, "attestations.dpia": NOW.date() + dt.timedelta(days=1)}
    with installed(tmp_path, REAL, says) as installation, pytest.raises(UnusablePack, match=r"attestations\.dpia"):
        ready_for_patients(installation)


def test_with_all_of_it_one_begins(tmp_path: Path) -> None:
    with installed(tmp_path, REAL, FIRST) as installation:
        assert ready_for_patients(installation) is installation


@pytest.mark.parametrize("issuers", ["", REAL + "sandbox = true\n"])
def test_trials_need_none_of_it(tmp_path: Path, issuers: str) -> None:
    with installed(tmp_path, issuers) as installation:
        assert ready_for_patients(installation) is installation
        assert missing_before_patients(installation) == ()


def test_a_clinic_that_runs_is_never_stopped(tmp_path: Path) -> None:
    """Only somebody who worked at a real EHR counts: a trial before does not."""
    with installed(tmp_path, REAL) as installation:
        stored = DatabaseColleagues(installation.database, installation.masters)
        stored.seen(Colleague(FhirBase("http://127.0.0.1:8090/fhir"), Reference("Practitioner/a"), NOW, "Dr Try"))
        with pytest.raises(UnusablePack):
            ready_for_patients(installation)
        stored.seen(Colleague(FhirBase(BASE), Reference("Practitioner/a"), NOW, "Dr Oak"))
        assert ready_for_patients(installation) is installation
        assert set(missing_before_patients(installation)) == set(FIRST)


TRIAL = REAL + "sandbox = true\n"


def somebody_works(installation: Installation) -> None:
    stored = DatabaseColleagues(installation.database, installation.masters)
    stored.seen(Colleague(FhirBase(BASE), Reference("Practitioner/a"), NOW, "Dr Try"))


def served(installation: Installation) -> list[object]:
    return [each.entry.detail["sandbox"] for each in installation.audit.entries(action=SERVED, subject=BASE)]


def test_trials_at_an_ehr_that_has_patients_by_now_are_no_beginning(tmp_path: Path) -> None:
    with installed(tmp_path, TRIAL) as installation:
        ready_for_patients(installation)
        somebody_works(installation)
    with installed(tmp_path, REAL) as installation:
        for _ in range(2):
            with pytest.raises(UnusablePack):
                ready_for_patients(installation)
        assert served(installation) == [True]


def test_nor_are_those_at_one_that_was_added_for_trials_and_never_served(tmp_path: Path) -> None:
    with installed(tmp_path, REAL) as installation:
        detail: dict[str, str | int | bool] = {"iss": BASE, "sandbox": True}
        installation.audit.append(AuditEntry("issuer.added", actor="system", subject="trust-a", detail=detail))
        somebody_works(installation)
        with pytest.raises(UnusablePack):
            ready_for_patients(installation)


def test_after_trials_a_clinic_that_began_properly_is_never_stopped(tmp_path: Path) -> None:
    with installed(tmp_path, TRIAL) as installation:
        ready_for_patients(installation)
        somebody_works(installation)
    with installed(tmp_path, REAL, FIRST) as installation:
        for _ in range(2):
            ready_for_patients(installation)
        assert served(installation) == [True, False], "once each"
    with installed(tmp_path, REAL) as installation:
        assert ready_for_patients(installation) is installation
        assert missing_before_patients(installation), "it is told"


def test_a_clinic_that_began_with_the_first_release_is_never_stopped(tmp_path: Path) -> None:
    """It wrote down no colleagues, only what they did."""
    with installed(tmp_path, REAL) as installation:
        gp = User(Reference("Practitioner/a"), "Dr Oak")
        base = FhirBase(BASE)
        installation.captures.begin(ClinicalSession(LaunchId("l-1"), base, BASE, PatientId("p-1"), gp))
        assert ready_for_patients(installation) is installation
