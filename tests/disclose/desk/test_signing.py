"""Signing with one's own name, the second person, the package, and what goes out in it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.errors import AnswersChanged, Incomplete, NotAllowed, Refused
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey, RequestState
from mappings.model.images import UNCHANGED, CleanImage, Geometry, ReceivedImage, Region
from mappings.model.people import Role
from mappings.model.work import WorkKind
from tests.disclose.desk.bench import (
    AMY,
    COLLEAGUE,
    DOCTOR,
    GUARDIAN,
    HERE,
    INSURER,
    OFFICER,
    PRIVACY,
    SAID,
    DeskBench,
    session,
)
from tests.fakes.whole_record import INTIMATE, ORDINARY, UNLABELLED, media, pictures
from tests.fakes.worker import FakeImageWorker, picture

ARM, PRIVATE = ItemKey(f"Media/{ORDINARY}"), ItemKey(f"Media/{INTIMATE}")
AGREED = INSURER | {"consent": "named"}


@pytest.fixture
def bench() -> DeskBench:
    return DeskBench()


def package_of(bench: DeskBench, request: DisclosureRequest) -> dict[str, bytes]:
    name, pieces = bench.desk.package(OFFICER, request.id)
    assert "Amy" not in name and name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as package:
        return {each: package.read(each) for each in package.namelist()}


@pytest.mark.parametrize("name", ["Edwin officer", "  edwin   OFFICER "])
def test_one_signs_with_ones_own_name(bench: DeskBench, name: str) -> None:
    request = bench.gathered()
    seen = bench.view(request)
    bench.desk.sign(OFFICER, request.id, name, about=seen.digest, revision=request.revision)
    assert bench.requests.get(request.id).state is RequestState.SENT


@pytest.mark.parametrize("name", ["", "Edwin", "Edwin officer MD", "Edwin colleague"])
def test_nobody_signs_with_another(bench: DeskBench, name: str) -> None:
    request = bench.gathered()
    with pytest.raises(Incomplete) as raised:
        bench.desk.sign(OFFICER, request.id, name, about=bench.view(request).digest, revision=request.revision)
    assert set(raised.value.fields) == {"name"}
    assert bench.requests.get(request.id) == request and bench.ledger.for_subject(request.id) == []


def test_a_signature_is_about_what_was_on_the_page(bench: DeskBench) -> None:
    request = bench.gathered()
    seen = bench.view(request)
    request = bench.decided(request, ARM, Decided.REDACT)
    with pytest.raises(AnswersChanged):
        bench.desk.sign(OFFICER, request.id, "Edwin officer", about=seen.digest, revision=request.revision)
    request = bench.decided(request, ARM, None)
    assert bench.view(request).digest == seen.digest, "it is about what is decided, not about when"
    for about in ("", seen.digest.upper(), "0" * 64):
        with pytest.raises(AnswersChanged):
            bench.desk.sign(OFFICER, request.id, "Edwin officer", about=about, revision=request.revision)


@pytest.mark.parametrize("field", ["recipient", "identity_checked"])
def test_nothing_is_signed_while_something_is_missing(bench: DeskBench, field: str) -> None:
    request = bench.gathered(SAID | {field: " "})
    assert bench.view(request).missing
    with pytest.raises(Refused) as raised:
        bench.signed(request)
    assert raised.value.code == "not-ready"


def test_nothing_is_signed_before_the_record_was_read(bench: DeskBench) -> None:
    request = bench.begun()
    assert bench.view(request).missing == ("The record has not been read yet.",)
    with pytest.raises(Refused):
        bench.desk.sign(OFFICER, request.id, "Edwin officer", about="", revision=request.revision)


# ------------------------------------------------------------------------------------------------- the second person


def waiting(bench: DeskBench) -> DisclosureRequest:
    request = bench.signed(bench.settled(bench.gathered(AGREED)))
    assert request.state is RequestState.WAITS_FOR_SECOND and request.second is None
    return request


@pytest.mark.parametrize("who", [COLLEAGUE, PRIVACY, GUARDIAN], ids=["colleague", "privacy", "guardian"])
def test_a_second_person_signs_too(bench: DeskBench, who: object) -> None:
    request = waiting(bench)
    assert WorkKind.DISCLOSURE_SECOND in {each.kind for each in bench.worklist.of_patient(HERE, AMY)}
    bench.signed(request, who)  # type: ignore[arg-type]
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT and done.first and done.second and done.first.by != done.second.by
    bench.desk.tidy()
    assert bench.worklist.of_patient(HERE, AMY) == [] and bench.holds.of_patient(HERE, AMY) == []


def test_the_first_person_is_never_the_second_whatever_the_login(bench: DeskBench) -> None:
    request = waiting(bench)
    role = session("officer-as-guardian", Role.CALDICOTT_GUARDIAN, practitioner="Practitioner/officer")
    for again in (OFFICER, role):
        with pytest.raises(NotAllowed) as raised:
            bench.signed(request, again)
        assert raised.value.code == "same-person"
    with pytest.raises(NotAllowed):
        bench.signed(request, DOCTOR)
    assert bench.requests.get(request.id) == request


def test_a_change_takes_the_first_signature_away(bench: DeskBench) -> None:
    request = waiting(bench)
    changed = bench.decided(request, ARM, Decided.REDACT)
    assert (changed.state, changed.first) == (RequestState.OPEN, None)
    assert WorkKind.DISCLOSURE_SECOND not in {each.kind for each in bench.worklist.of_patient(HERE, AMY)}
    with pytest.raises(NotAllowed):
        bench.signed(changed, GUARDIAN)  # whoever is only a second signs nothing first
    bench.desk.change(OFFICER, request.id, Facts({"purpose": "x"}), revision=changed.revision)


def test_what_is_true_on_another_day_is_signed_anew(bench: DeskBench) -> None:
    bench.record.put({**bench.record.read("Patient", AMY), "birthDate": "2010-03-04"})  # 16 on Wednesday
    request = bench.gathered(INSURER | {"received": "2026-03-02"})
    request = bench.signed(bench.settled(request))
    seen = bench.view(request, GUARDIAN)
    bench.clock.advance(days=3)
    with pytest.raises(AnswersChanged):
        bench.desk.sign(GUARDIAN, request.id, "Edwin guardian", about=seen.digest, revision=request.revision)


# -------------------------------------------------------------------------------------------------- what goes out


def test_the_package_holds_what_was_signed_and_nothing_else(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    bench.decided(request, f"Media/{UNLABELLED}", Decided.REDACT)
    page = bench.desk.preview(OFFICER, request.id)
    bench.signed(bench.settled(request))
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT, done.why_not
    files = package_of(bench, request)
    everything = b"".join(files.values())
    assert b"Eczema" in everything and "Eczema" in page
    for never in (INTIMATE, UNLABELLED, "bin-private-2", "bin-bare-3", "canary", "Vulva"):
        assert never.encode() not in everything, never
        assert never not in page, never
    assert sum(name.startswith("images/") or name.endswith(".jpg") for name in files) == 1
    with pytest.raises(Refused):
        bench.signed(request)


def test_the_patient_gets_all_of_it(bench: DeskBench) -> None:
    request = bench.gathered()
    bench.signed(request)
    everything = b"".join(package_of(bench, request).values())
    for each in pictures().values():
        assert each in everything or b"twin" in each or each == pictures()["bin-again-4"]
    (told,) = bench.desk.accounting(OFFICER)
    assert (told.images, told.recipient, told.signed_by) == (3, SAID["recipient"], "Edwin officer")


class BlackingWorker(FakeImageWorker):
    """Nothing of what is under a black part is left, as with pixels."""

    def clean(self, received: ReceivedImage, *, geometry: Geometry = UNCHANGED, **options: Any) -> CleanImage:
        clean = super().clean(received, geometry=geometry, **options)
        return replace(clean, content=b"clean and black") if geometry.black_out else clean


def test_what_is_black_on_the_desk_is_black_in_the_package() -> None:
    bench = DeskBench(worker=BlackingWorker())
    bench.record.put(media("inside", AMY, {"text": "Hand"}, [], "none"))
    inside = bench.record.read("Media", "inside")
    data = "UElDVFVSRTpjYW5hcnkgaGFuZA=="  # PICTURE:canary hand
    bench.record.put({**inside, "content": {"contentType": "image/jpeg", "data": data, "title": "canary.jpg"}})
    request = bench.gathered()
    black = Geometry(black_out=(Region(0.1, 0.1, 0.5, 0.5),))
    for key in (ARM, ItemKey("Media/inside")):
        now = bench.requests.get(request.id)
        with pytest.raises(NotAllowed):
            bench.desk.black_out(OFFICER, request.id, key, black, revision=now.revision)
        bench.desk.reveal(OFFICER, request.id, key, "Patient asked to see it")
        bench.desk.black_out(OFFICER, request.id, key, black, revision=now.revision)
        shown, type_ = bench.desk.picture(OFFICER, request.id, key)
        assert shown == b"clean and black" and type_ == "image/jpeg"
        assert bench.item(request, key).blacked_out
    bench.signed(bench.settled(request))
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT, done.why_not
    everything = b"".join(package_of(bench, request).values())
    assert b"canary" not in everything.replace(pictures()["bin-private-2"], b"") and data.encode() not in everything
    assert picture("the forearm, and nothing else to see here") not in everything
    assert everything.count(b"clean and black") == 2


def test_a_black_out_that_hides_nothing_stops_the_package(bench: DeskBench) -> None:
    """This worker leaves the bytes of the picture in what it makes: the proof finds them."""
    request = bench.gathered()
    bench.desk.reveal(OFFICER, request.id, ARM, "Patient asked to see it")
    black = Geometry(black_out=(Region(0, 0, 0.5, 0.5),))
    bench.desk.black_out(OFFICER, request.id, ARM, black, revision=request.revision)
    bench.signed(request)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.OPEN and done.first is None and "must stay back" in done.why_not


def test_a_black_out_is_replaced_and_taken_off(bench: DeskBench) -> None:
    request = bench.gathered()
    bench.desk.reveal(OFFICER, request.id, ARM, "Patient asked to see it")
    items = len(bench.vault.items())
    for geometry, more in (
        (Geometry(black_out=(Region(0, 0, 0.5, 0.5),)), 1),
        (Geometry(black_out=(Region(0, 0, 1, 1),)), 1),
        (Geometry(), 0),
    ):
        now = bench.requests.get(request.id)
        bench.desk.black_out(OFFICER, request.id, ARM, geometry, revision=now.revision)
        assert len(bench.vault.items()) == items + more
    assert not bench.item(request, ARM).blacked_out


def test_a_picture_opens_for_one_launch_with_a_reason_and_is_written_down(bench: DeskBench) -> None:
    request = bench.gathered()
    for wrong in ("", "Curiosity"):
        with pytest.raises(NotAllowed):
            bench.desk.reveal(OFFICER, request.id, PRIVATE, wrong)
    with pytest.raises(NotAllowed):
        bench.desk.picture(OFFICER, request.id, PRIVATE)
    bench.desk.reveal(OFFICER, request.id, PRIVATE, "Patient asked to see it")
    content, type_ = bench.desk.picture(OFFICER, request.id, PRIVATE)
    assert content.startswith(b"clean") and type_ == "image/jpeg"
    assert bench.desk.upright(OFFICER, request.id, PRIVATE, 1).startswith(b"preview 1")
    assert bench.item(request, PRIVATE).revealed and not bench.item(request, ARM).revealed
    for other in (COLLEAGUE, session("officer", launch="another-launch")):
        with pytest.raises(NotAllowed):
            bench.desk.picture(other, request.id, PRIVATE)
    with pytest.raises(NotAllowed):
        bench.desk.picture(OFFICER, bench.gathered().id, PRIVATE)  # another request
    actions = [each.entry.action for each in bench.audit.entries(subject=PRIVATE)]
    assert actions == ["disclosure.revealed", "disclosure.picture-seen"]
