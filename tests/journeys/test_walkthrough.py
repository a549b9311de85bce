"""The whole journey over real HTTP against every kind of server that the sandbox can play."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.errors import PluginError
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.store import FhirStore
from fhir_plugin.walkthrough import (
    JourneyRefused,
    add,
    answers_for,
    begin,
    capture_of,
    launch,
    launch_of,
    open_browser,
    walk,
)
from fhir_plugin.web.access import clinical_session
from tests.definitions.validator import issues
from tests.journeys.record_checks import TAG, of_capture, sets_of

SERVERS = (
    "default",
    "hapi",
    "no-transaction",
    "no-purge",
    "no-media",
    "server-ids",
    "images-only",
    "no-binary",
    "create-only",
    "small-bodies",
    "smart-launcher",
    "strict",
)
CHARTS = {
    "oracle": ("pdf", "application/pdf"),
    "text-only": ("text-note", "text/plain; charset=utf-8"),
    "epic": ("text-note", "text/plain; charset=utf-8"),
    "athena": ("signed-export", None),
}
"""Servers that take no images: by which rung it is filed there, and as what the chart's copy is there."""
WRITTEN = ("Media", "DocumentReference", "Consent", "Provenance", "AuditEvent")
KEYS = {
    "patient",
    "media",
    "binary",
    "consent",
    "provenance",
    "audit_event",
    "labels",
    "sha256_received",
    "sha256_clean",
    "sha256_read_back",
    "removed_metadata",
    "seconds",
}


@pytest.fixture(scope="module", params=SERVERS)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start_demo(tmp_path_factory.mktemp("demo"), like=request.param)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def one_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start_demo(tmp_path_factory.mktemp("demo"))
    yield running
    running.stop()


def everything_of(store: FhirStore, capture: str) -> list[dict[str, Any]]:
    """What the EHR holds of one capture."""
    found: list[dict[str, Any]] = []
    for resource_type in WRITTEN:
        with contextlib.suppress(FhirError):  # a type that this server does not know
            found += of_capture(store, resource_type, capture)
    return found


def test_a_photograph_is_filed_read_back_and_valid(demo: Demo) -> None:
    result = walk(demo, _drawn_photograph(), "image/jpeg")
    assert set(result) >= KEYS
    assert result["sha256_clean"] == result["sha256_read_back"] != result["sha256_received"]
    assert re.fullmatch(r"(Media|DocumentReference)/[A-Za-z0-9.-]+", result["media"])
    assert result["labels"] == [
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N",
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue|CLINAST",
    ]
    assert "location" in result["removed_metadata"]
    store = demo.sandbox.store
    captures = {
        tag["code"]
        for resource_type in ("Media", "DocumentReference")
        for each in store.search(resource_type, {})
        for tag in each.get("meta", {}).get("tag", [])
        if tag["system"] == TAG
    }
    assert len(captures) == 1
    capture = captures.pop()
    written = everything_of(store, capture)
    assert written
    wrong = {f"{each['resourceType']}/{each['id']}": found for each in written if (found := issues(_as_ours(each)))}
    assert wrong == {}


def test_what_the_ehr_refuses_to_hold_is_in_the_companion_store_and_valid(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "not there yet", like="images-only")
    try:
        result = walk(demo, _drawn_photograph(), "image/jpeg")
        with open_browser() as browser:
            page = launch(demo, browser)
        record = demo.installation.records.record_of(launch_of(page))
        for reference in (result["consent"], result["provenance"], result["audit_event"]):
            resource = record.read(*reference.split("/"))
            assert issues(resource) == []
            assert demo.sandbox.store.read(*reference.split("/")) is None
    finally:
        demo.stop()


def test_an_ehr_that_takes_no_images_gets_nothing_and_loses_nothing(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, like="documents-only")
    try:
        with pytest.raises(PluginError) as told:
            walk(demo, _drawn_photograph(), "image/jpeg")
        assert "nothing-current" in told.value.message
        documents = demo.sandbox.store.search("DocumentReference", {})
        assert [each for each in documents if each["status"] == "current"] == []
        (draft,) = demo.installation.parts.drafts.unfinished()
        assert draft.images[0].clean is not None
        assert demo.installation.vault.get(draft.images[0].clean)
    finally:
        demo.stop()


@pytest.mark.parametrize("like", CHARTS)
def test_beside_a_chart_that_takes_no_images_everything_is_kept_and_valid(like: str, tmp_path: Path) -> None:
    rung, content_type = CHARTS[like]
    demo = start_demo(tmp_path, like=like)
    try:
        result = walk(demo, _drawn_photograph(), "image/jpeg")
        assert (result["outcome"], result["rung"]) == ("filed", rung)
        assert result["sha256_clean"] == result["sha256_read_back"] != result["sha256_received"]
        with open_browser() as browser:
            page = launch(demo, browser)
            assert result["media"].partition("/")[2] in browser.get(page.url).text, "the gallery shows it"
        record = demo.installation.records.record_of(launch_of(page))
        for name in ("media", "provenance", "audit_event"):
            assert issues(record.read(*result[name].split("/"))) == []
            assert demo.sandbox.store.read(*result[name].split("/")) is None
        documents = [each for each in demo.sandbox.store.search("DocumentReference", {}) if each["status"] == "current"]
        copy = result["chart_copy"]
        if content_type is None:
            assert copy is None and documents == []
            return
        assert copy["content_type"] == content_type
        assert {f"DocumentReference/{each['id']}" for each in documents} >= {copy["document"], result["note"]}
        assert [found for each in documents if (found := issues(each))] == []
    finally:
        demo.stop()


@pytest.mark.parametrize(
    ("like", "ends"),
    [
        ("oracle", "not-proven"),
        pytest.param("text-only", "not-proven", marks=pytest.mark.exhaustive),
        pytest.param("epic", "not-proven", marks=pytest.mark.exhaustive),
        pytest.param("athena", "not-proven", marks=pytest.mark.exhaustive),
        pytest.param("smart-launcher", "proven", marks=pytest.mark.exhaustive),
        pytest.param("strict", "proven", marks=pytest.mark.exhaustive),
    ],
)
def test_whatever_the_chart_took_is_given_out_and_destroyed_truthfully(like: str, ends: str, tmp_path: Path) -> None:
    """The intimate image goes to nobody but the patient, whichever form the chart has of it; what a chart keeps of one
    that is destroyed is told, with who has to take it out."""
    demo = start_demo(tmp_path, like=like)
    try:
        result = walk(demo, _drawn_photograph(), "image/jpeg", packages=tmp_path)
        assert result["disclosure_insurer"]["intimate_image"] in ("redact", "withhold")
        assert result["disclosure_patient"]["intimate_image"] == "release"
        assert result["disclosure_patient"]["pictures"] > result["disclosure_insurer"]["pictures"] > 0
        assert (result["deletion_state"], bool(result["certificate"])) == (ends, ends == "proven")
        by_hand = any(
            why.startswith("Take the copies of this image out of the chart") for why in result["deletion_why"]
        )
        assert by_hand is (ends == "not-proven")
    finally:
        demo.stop()


def test_three_photographs_share_their_answers_and_one_receipt(one_demo: Demo) -> None:
    store = one_demo.sandbox.store
    with open_browser() as browser:
        page = begin(browser, launch(one_demo, browser))
        images = []
        for colour in ("#884422", "#448822", "#224488"):
            picture = Image.new("RGB", (640, 480), colour)
            images.append(add(browser, page, _jpeg(picture), "image/jpeg"))
        form = {**answers_for(images), f"decision-{images[2]}": "describe"}
        browser.post(page, f"{page.url}/answers", form)
        receipt = browser.post(page, f"{page.url}/file", form)
    assert receipt.status == 200
    capture = capture_of(receipt)
    complete, partial = sets_of(store, capture)
    assert partial == []
    assert len(complete) == 2
    kept = one_demo.installation.sessions.get(launch_of(receipt))
    told = one_demo.installation.captures.receipt(clinical_session(kept), capture)
    assert told.state == "filed"
    assert {line.reference for line in told.filed} == set(complete)
    assert told.not_stored == ((images[2], "described"),)
    vault = one_demo.installation.vault.items()
    assert [item for item in vault if item.owner == capture] == []


def test_asking_twice_files_once(one_demo: Demo) -> None:
    store = one_demo.sandbox.store
    with open_browser() as browser:
        page = begin(browser, launch(one_demo, browser))
        image = add(browser, page, _drawn_photograph(), "image/jpeg")
        form = answers_for([image])
        for _ in range(3):
            receipt = browser.post(page, f"{page.url}/file", form)
            assert receipt.status == 200
    complete, partial = sets_of(store, capture_of(receipt))
    assert (len(complete), partial) == (1, [])


@pytest.mark.parametrize(
    ("patient", "changed", "code"),
    [
        ("p-child-15", {}, "under-18"),
        ("p-child-17", {}, "under-18"),
        ("p-died", {}, "deceased"),
        ("p-adult-2", {"intimacy": "intimate"}, "intimate"),
        ("p-adult-2", {"capacity_doubt": "yes", "lacks_capacity": "yes"}, "no-capacity"),
        ("p-adult-2", {"arrival": "unasked", "taken_on": "2026-01-05"}, "unsolicited"),
        ("p-adult-2", {"arrival": "other", "taken_unknown": "yes"}, "under-18"),
    ],
)
def test_what_the_fast_path_does_not_cover_stops_and_loses_nothing(
    one_demo: Demo, patient: str, changed: dict[str, str], code: str
) -> None:
    before = len(one_demo.sandbox.store.search("Media", {}))
    with open_browser() as browser:
        page = begin(browser, launch(one_demo, browser, patient=patient))
        image = add(browser, page, _drawn_photograph(), "image/jpeg")
        form = {**answers_for([image]), **changed}
        reply = browser.post(page, f"{page.url}/file", form)
        assert reply.status == 422
        again = browser.get(page.url)
    assert again.status == 200
    assert form["findings"] in again.text
    kept = one_demo.installation.sessions.get(launch_of(page))
    view = one_demo.installation.captures.assess(clinical_session(kept), capture_of(page))
    assert code in view.flags and not view.may_file
    assert view.missing, "what is needed is said"
    assert len(one_demo.sandbox.store.search("Media", {})) == before


def test_a_broken_photograph_is_refused_in_words(one_demo: Demo) -> None:
    with pytest.raises(JourneyRefused) as refused:
        walk(one_demo, b"MZ" + bytes(2000), "image/jpeg")
    assert refused.value.code
    assert refused.value.message.endswith(".")


def _as_ours(resource: dict[str, Any]) -> dict[str, Any]:
    """Without a profile that the server claims for it and nobody here has."""
    return {**resource, "meta": {name: value for name, value in resource["meta"].items() if name != "profile"}}


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()
