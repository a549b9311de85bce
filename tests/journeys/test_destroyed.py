"""A deletion carried out at each kind of server: destroyed and proven, or said exactly what remains."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.walkthrough import DEMO_PATIENT, launch, launch_of, open_browser
from fhir_plugin.web.access import clinical_session
from mappings.model.deletion import DeletionItem, DeletionState
from mappings.model.people import ClinicalSession
from tests.journeys.destroying import approve, ask_for, file_images, photograph

PROVEN = (
    "default",
    "hapi",
    *(
        pytest.param(each, marks=pytest.mark.exhaustive)
        for each in (
            "no-transaction",
            "server-ids",
            "create-only",
            "no-binary",
            "small-bodies",
            "images-only",
            "no-media",
        )
    ),
)
KEEPS = (
    "no-purge",
    *(pytest.param(each, marks=pytest.mark.exhaustive) for each in ("purge-forbidden", "purge-half", "purge-lies")),
)


def signed_in(demo: Demo, user: str, patient: str = DEMO_PATIENT) -> ClinicalSession:
    with open_browser() as browser:
        page = launch(demo, browser, user=user, patient=patient)
        return clinical_session(demo.installation.sessions.get(launch_of(page)))


def carried_out(demo: Demo) -> DeletionItem:
    """Filed, asked for by the GP, approved by the Guardian at that patient's chart, which carries it out."""
    installation = demo.installation
    gp, guardian = signed_in(demo, "gp"), signed_in(demo, "caldicott-guardian")
    (image,) = file_images(installation, gp, [photograph(1)])
    case = approve(installation, guardian, ask_for(installation, gp, image))
    assert installation.parts.background.settle(60)
    for _ in range(2):
        installation.resume()
    return installation.deletion.parts.cases.get(case.id).items[0]


@pytest.fixture
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Demo]:
    """The EHR does not lie in our temporary folder, which a proof looks through."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))
    demo = start_demo(tmp_path_factory.mktemp("ehr"), like=request.param)
    yield demo
    demo.stop()


@pytest.mark.parametrize("demo", PROVEN, indirect=True)
def test_it_is_destroyed_and_proven(demo: Demo) -> None:
    item = carried_out(demo)
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert item.proof is not None and item.proof.proven and item.certificate is not None
    assert demo.installation.deletion.parts.cases.certificate(item.certificate).item == item.id
    assert {"thumbnail", "capture", "image", "history"} <= set(item.purged)
    assert demo.installation.ledger.unsettled() == []


@pytest.mark.parametrize("demo", KEEPS, indirect=True)
def test_at_a_server_that_keeps_versions_it_is_said_what_remains(demo: Demo) -> None:
    item = carried_out(demo)
    assert (item.state, item.why, item.certificate) == (DeletionState.FAILED, "not-proven", None)
    assert item.proof is not None and item.proof.ask and item.look_again is not None
    remains = {place.place for place in item.proof.places if not place.clean}
    assert remains and remains <= {"record-versions", "binary-versions"}
    assert {"thumbnail", "binary", "image"} <= set(item.purged)
