"""Looking: no pixel of a sensitive picture before its reveal, none of another patient, none that is not current."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.errors import NotAllowed, NotFound, PluginError, RecordRefused, UnacceptableImage
from fhir_plugin.keep.view import REVEALED, Gallery
from fhir_plugin.ports import Compartment, Json
from mappings.model.identifiers import PatientId, Reference
from mappings.model.people import ClinicalSession, Role
from tests.capture.bench import SESSION, Bench, launched
from tests.fakes.record import FakeRecord
from tests.fakes.worker import picture

NORMAL = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]
RESTRICTED = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
PIXELS = b"jpeg bytes as the EHR holds them"
REASON = "Direct care"


class Room:
    def __init__(self) -> None:
        self.record = FakeRecord()
        self.bench = Bench(self.record)
        self.gallery = Gallery(self.bench.parts)

    def media(
        self,
        id: str,
        *,
        security: list[Json] | None = NORMAL,
        content: bytes = PIXELS,
        content_type: str = "image/jpeg",
        inline: bool = False,
        changed: Json | None = None,
    ) -> Reference:
        """A picture that some system filed."""
        attachment: Json = {"contentType": content_type}
        if inline:
            attachment["data"] = base64.b64encode(content).decode()
        else:
            attachment["url"] = f"Binary/b-{id}"
            self.record.create_binary(content, content_type, id=f"b-{id}", security_context=None)
        resource: Json = {
            "resourceType": "Media",
            "id": id,
            "status": "completed",
            "subject": {"reference": "Patient/p1"},
            "createdDateTime": "2026-01-01",
            "content": attachment,
            **(changed or {}),
        }
        if security is not None:
            resource["meta"] = {"security": security}
        self.record.put(resource)
        return Reference(f"Media/{id}")


@pytest.fixture
def room() -> Room:
    return Room()


SENSITIVE: dict[str, list[Json] | None] = {
    "restricted": RESTRICTED,
    "very restricted": [{**RESTRICTED[0], "code": "V"}],
    "unlabelled": None,
    "an unknown level": [{**RESTRICTED[0], "code": "X"}],
    "normal and restricted": [*NORMAL, *RESTRICTED],
    "labelled with nothing about confidentiality": [{"system": "urn:x", "code": "y"}],
}


@pytest.mark.parametrize("kind", SENSITIVE)
@pytest.mark.parametrize("pixels", [Gallery.picture, Gallery.thumbnail])
def test_no_pixel_of_a_sensitive_picture_before_its_reveal(room: Room, kind: str, pixels: Any) -> None:
    reference = room.media("m1", security=SENSITIVE[kind], content=picture())
    (item,) = room.gallery.images(SESSION)
    assert (item.sensitive, item.revealed) == (True, False)
    asked: list[str] = []
    room.record.on_call = lambda call, _what: asked.append(call)
    with pytest.raises(NotAllowed) as raised:
        pixels(room.gallery, SESSION, reference)
    assert raised.value.code == "reveal-first"
    assert "read_binary" not in asked, "pixels were fetched before anybody might see them"
    assert room.bench.audit.actions == []
    room.gallery.reveal(SESSION, reference, REASON)
    assert pixels(room.gallery, SESSION, reference)[0]
    assert room.bench.audit.actions[0] == REVEALED
    (item,) = room.gallery.images(SESSION)
    assert (item.sensitive, item.revealed) == (True, True)


def test_an_ordinary_picture_needs_no_reason_and_is_not_logged(room: Room) -> None:
    reference = room.media("m1")
    assert room.gallery.picture(SESSION, reference) == (PIXELS, "image/jpeg")
    assert room.bench.audit.actions == []


def test_the_log_says_who_why_and_which_before_the_pixels_go(room: Room) -> None:
    reference = room.media("m1", security=RESTRICTED)
    room.gallery.reveal(SESSION, reference, REASON)
    room.gallery.picture(SESSION, reference)
    revealed, viewed = (each.entry for each in room.bench.audit.entries())
    assert (revealed.actor, revealed.patient, revealed.launch) == ("Practitioner/gp", "Patient/p1", "l1")
    assert (revealed.subject, revealed.detail["reason"]) == (reference, REASON)
    assert (viewed.action, viewed.subject) == ("image.viewed", reference)


def test_a_log_that_cannot_be_written_shows_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = room.media("m1", security=RESTRICTED)

    def full(_entry: object) -> None:
        raise PluginError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(room.bench.audit, "append", full)
        with pytest.raises(PluginError):
            room.gallery.reveal(SESSION, reference, REASON)
    with pytest.raises(NotAllowed):
        room.gallery.picture(SESSION, reference)


@pytest.mark.parametrize(
    "other",
    [
        launched("l2"),
        replace(SESSION, launch_id=launched("l3").launch_id, patient_id=PatientId("p2")),
    ],
    ids=["another launch", "another patient"],
)
def test_a_reveal_holds_for_its_launch_and_patient_only(room: Room, other: ClinicalSession) -> None:
    room.gallery.reveal(SESSION, room.media("m1", security=RESTRICTED), REASON)
    subject = {"reference": f"Patient/{other.patient_id}"}
    reference = room.media("m2", security=RESTRICTED, changed={"subject": subject})
    with pytest.raises(NotAllowed):
        room.gallery.picture(other, reference)


@pytest.mark.parametrize("reason", ["", "curiosity", "direct care"])
def test_only_a_reason_of_the_policy_opens(room: Room, reason: str) -> None:
    reference = room.media("m1", security=RESTRICTED)
    with pytest.raises(NotAllowed):
        room.gallery.reveal(SESSION, reference, reason)
    assert room.bench.audit.actions == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLINICIAN])
def test_only_clinicians_reveal(room: Room, role: Role) -> None:
    reference = room.media("m1", security=RESTRICTED)
    session = replace(SESSION, user=replace(SESSION.user, roles=frozenset({role})))
    with pytest.raises(NotAllowed, match="clinicians"):
        room.gallery.reveal(session, reference, REASON)


ELSEWHERE: dict[str, dict[str, Any]] = {
    "another patient": {"subject": {"reference": "Patient/p2"}},
    "a patient of that id elsewhere": {"subject": {"reference": "https://other.example/fhir/Patient/p1"}},
    "nobody": {"subject": None},
    "somebody of another type": {"subject": {"reference": "Group/p1"}},
    "entered in error": {"status": "entered-in-error"},
    "in preparation": {"status": "preparation"},
    "a sound": {"content": {"contentType": "audio/mp4", "url": "Binary/b-m1"}},
    "a video that no browser plays": {"content": {"contentType": "video/quicktime", "url": "Binary/b-m1"}},
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_not_this_patients_current_picture_does_not_exist(room: Room, kind: str) -> None:
    reference = room.media("m1", changed=ELSEWHERE[kind])
    assert room.gallery.images(SESSION) == []
    for ask in (
        lambda: room.gallery.picture(SESSION, reference),
        lambda: room.gallery.thumbnail(SESSION, reference),
        lambda: room.gallery.reveal(SESSION, reference, REASON),
    ):
        with pytest.raises(NotFound) as there:
            ask()
        with pytest.raises(NotFound) as nowhere:
            room.gallery.picture(SESSION, Reference("Patient/p1"))
        assert there.value.message == nowhere.value.message
    assert room.bench.audit.actions == []


@pytest.mark.parametrize("reference", ["Media/", "Binary/b-m1", "Consent/c", "Media", "", "../Media/m1"])
def test_addresses_that_are_no_picture(room: Room, reference: str) -> None:
    room.media("m1")
    with pytest.raises(NotFound):
        room.gallery.picture(SESSION, Reference(reference))


def test_a_subject_with_base_or_version_is_still_this_patient(room: Room) -> None:
    room.media("m1", changed={"subject": {"reference": f"{SESSION.fhir_base}/Patient/p1"}})
    room.media("m2", changed={"subject": {"reference": "Patient/p1/_history/3"}})
    assert room.gallery.picture(SESSION, Reference("Media/m1"))[0] == PIXELS
    assert room.gallery.picture(SESSION, Reference("Media/m2"))[0] == PIXELS


def test_an_inline_picture_is_shown(room: Room) -> None:
    reference = room.media("m1", inline=True, content_type="image/png; charset=binary")
    assert room.gallery.picture(SESSION, reference) == (PIXELS, "image/png")


def test_a_broken_inline_picture_is_refused(room: Room) -> None:
    reference = room.media("m1", changed={"content": {"contentType": "image/jpeg", "data": "%%%"}})
    with pytest.raises(RecordRefused, match="broken"):
        room.gallery.picture(SESSION, reference)


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("content_type", ["image/heic", "image/svg+xml", "text/html", "", "application/octet-stream"])
def test_what_a_browser_may_not_get_as_it_is_goes_through_the_worker(
    room: Room, content_type: str, inline: bool
) -> None:
    media_type = {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]}}
    good = room.media("m1", content=picture(), content_type=content_type, inline=inline, changed=media_type)
    content, shown = room.gallery.picture(SESSION, good)
    assert content.startswith(b"clean ") and shown == "image/jpeg"
    bad = room.media("m2", content=b"<script>", content_type=content_type, inline=inline, changed=media_type)
    with pytest.raises(UnacceptableImage):
        room.gallery.picture(SESSION, bad)


def test_a_thumbnail_is_made_once_and_kept_in_the_vault_only(room: Room) -> None:
    reference = room.media("m1", content=picture())
    first = room.gallery.thumbnail(SESSION, reference)
    assert first == (b"small " + picture(), "image/jpeg")
    assert room.gallery.thumbnail(SESSION, reference) == first
    assert len(room.bench.worker.cleaned) == 1
    assert [item.compartment for item in room.bench.vault.items()] == [Compartment.THUMBNAIL]
    assert room.record.stored("Binary")[0]["id"] == "b-m1"


def test_a_kept_thumbnail_of_a_picture_that_became_sensitive_stays_shut(room: Room) -> None:
    reference = room.media("m1", content=picture())
    room.gallery.thumbnail(SESSION, reference)
    resource = room.record.read("Media", "m1")
    room.record.put({**resource, "meta": {"security": RESTRICTED}})
    with pytest.raises(NotAllowed):
        room.gallery.thumbnail(SESSION, reference)


def test_what_was_filed_here_shows_newest_first_and_our_note_does_not(room: Room) -> None:
    room.media("old", changed={"createdDateTime": "2020-01-01"})
    _, receipt = room.bench.filed()
    items = room.gallery.images(SESSION)
    assert [item.entry.reference for item in items] == [receipt.filed[0].reference, "Media/old"]
    assert items[0].entry.ours and not items[1].entry.ours
    before = len(room.bench.worker.cleaned)
    assert room.gallery.thumbnail(SESSION, receipt.filed[0].reference)[0].startswith(b"small ")
    assert len(room.bench.worker.cleaned) == before, "the kept thumbnail was not used"
