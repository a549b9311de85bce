"""A proof is not fooled: every server here says that the image is gone, and lies, or does not answer what was asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from fhir_plugin.capability import Capability
from fhir_plugin.delete.looking import PUT_OVER
from fhir_plugin.errors import AnswerLost, NotFound, PluginError, RecordRefused, RecordUnavailable
from fhir_plugin.ports import Answered, BinaryContent
from mappings.model.identifiers import PatientId, Reference
from mappings.r4.tombstone import to_tombstone
from tests.delete.proving import AMY, PICTURE, World, left, media, place
from tests.fakes.record import FakeRecord, Lie
from tests.fakes.record_purge import FakeRecordPurge

Json = dict[str, Any]

HTML = b"<!DOCTYPE html><title>Sign in</title>"
OUTCOME = json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "deleted"}]}).encode()
IN_JSON = json.dumps({"resourceType": "Binary", "id": "bytes-1", "data": base64.b64encode(PICTURE).decode()}).encode()


class Answers(FakeRecordPurge):
    """Changes what a Binary's addresses answer."""

    def __init__(self, record: FakeRecord, change: Callable[[Answered], Answered]) -> None:
        super().__init__(record)
        self.change = change

    def binary_answers(self, reference: Reference, versions: Sequence[str]) -> list[Answered]:
        return [self.change(each) for each in super().binary_answers(reference, versions)]


def answering(change: Callable[[Answered], Answered]) -> World:
    record = FakeRecord()
    return World(record=record, purge=Answers(record, change)).destroy()


def where(word: str, status: int, content: bytes | None = None) -> Callable[[Answered], Answered]:
    """Everything that was asked with this word in it is answered like this."""
    return lambda each: Answered(each.asked, status, content) if word in each.asked else each


@pytest.mark.parametrize("form", ["image/*", "application/fhir+json", "application/octet-stream", "fhir+xml", "*/*"])
@pytest.mark.parametrize("target", ["read", "vread 2"])
def test_the_old_picture_under_one_form_alone_is_found(form: str, target: str) -> None:
    def change(each: Answered) -> Answered:
        return Answered(each.asked, 200, PICTURE) if each.asked.startswith(target) and form in each.asked else each

    proof = answering(change).proof()
    (found,) = {"read": ("binary",), "vread 2": ("binary-versions",)}[target]
    assert found in left(proof)
    assert form in place(proof, found).found[0]


@pytest.mark.parametrize(
    "content",
    [
        PICTURE,
        IN_JSON,
        PICTURE[:2000],
        b'<Binary xmlns="http://hl7.org/fhir"><data value="%s"/></Binary>' % base64.b64encode(PICTURE),
        HTML + base64.b64encode(PICTURE),
        OUTCOME[:-1] + b', "x": "' + base64.b64encode(b"?" + PICTURE) + b'"}',
        PUT_OVER + PICTURE,
        b"some other bytes",
    ],
)
def test_anything_that_comes_back_in_place_of_the_picture_counts_as_found(content: bytes) -> None:
    proof = answering(where("read application/fhir+json", 200, content)).proof()
    assert any("read application/fhir+json" in each for each in place(proof, "binary").found)


@pytest.mark.parametrize("content", [HTML, OUTCOME, b"\n <html>x</html>", b"<OperationOutcome/>", None, b""])
def test_200_with_a_page_or_an_outcome_is_no_answer(content: bytes | None) -> None:
    proof = answering(where("image/*", 200, content)).proof()
    assert {"binary", "binary-versions"} <= left(proof)
    assert place(proof, "binary").unasked == "unusable-answer"
    assert not place(proof, "binary").found


@pytest.mark.parametrize("status", [0, 204, 301, 400, 401, 403, 409, 429, 500, 503])
def test_no_other_status_than_gone_is_gone(status: int) -> None:
    assert "binary" in left(answering(where("image/*", status)).proof())


def test_406_everywhere_says_only_that_another_form_is_there() -> None:
    proof = answering(where("read", 406)).proof()
    assert place(proof, "binary").unasked == "unusable-answer"
    assert answering(where("fhir+xml", 406)).proof().proven


@pytest.mark.parametrize("target", ["read ", "vread 2 "])
def test_each_address_has_to_be_refused_for_good(target: str) -> None:
    def change(each: Answered) -> Answered:
        return Answered(each.asked, 406) if each.asked.startswith(target) else each

    expected = {"read ": {"binary", "binary-versions"}, "vread 2 ": {"binary-versions"}}
    assert left(answering(change).proof()) == expected[target]


def test_a_record_that_is_not_asked_for_any_address_of_the_bytes_proves_nothing() -> None:
    class Silent(FakeRecordPurge):
        def binary_answers(self, reference: Reference, versions: Sequence[str]) -> list[Answered]:
            return []

    record = FakeRecord()
    assert {"binary", "binary-versions"} <= left(World(record=record, purge=Silent(record)).destroy().proof())


# -------------------------------------------------------------------------------------------------- searching


def test_a_server_that_finds_nothing_whatever_is_there_is_not_believed() -> None:
    world = World(record=FakeRecord(lies=frozenset({Lie.FINDS_NOTHING}))).destroy()
    proof = world.proof()
    assert place(proof, "record-control").unasked == "record-not-believable"


def test_one_that_finds_patients_and_no_images_is_not_believed_where_a_tombstone_stands() -> None:
    class Blind(FakeRecord):
        def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
            return [] if resource_type == "Media" else super().search(resource_type, params)

    world = World(record=Blind()).destroy(tombstone=True)
    assert place(world.proof(), "record-control").unasked == "record-not-believable"


def test_a_server_that_ignores_search_parameters_shows_the_image_all_the_same() -> None:
    world = World(record=FakeRecord(lies=frozenset({Lie.FINDS_EVERYTHING})))
    world.record.put(media("photo-2", "other"))
    proof = world.proof()
    assert place(proof, "search-id").found == ("Media/photo-1/_history/1",)
    world = World(record=FakeRecord(lies=frozenset({Lie.FINDS_EVERYTHING}))).destroy()
    world.record.put(media("photo-2", "other"))
    assert world.proof().proven, "other images that come back are nobody's find"


def test_404_by_label_to_us_while_a_search_or_everything_shows_it_is_found() -> None:
    class Shy(FakeRecord):
        def read(self, resource_type: str, id: str) -> Json:
            if resource_type == "Media":
                raise NotFound("hidden", status=404)
            return super().read(resource_type, id)

        def history(self, resource_type: str, id: str) -> list[Json]:
            raise NotFound("hidden", status=404)

        def read_version(self, resource_type: str, id: str, version: str) -> Json:
            raise NotFound("hidden", status=404)

    class ShyPurge(FakeRecordPurge):
        def versions(self, reference: Reference) -> Mapping[str, Json | None]:
            return {}

    record = Shy()
    world = World(record=record, purge=ShyPurge(record))
    proof = world.proof()
    assert place(proof, "record-read").clean and place(proof, "record-versions").clean
    assert {"search-id", "search-patient", "everything"} <= left(proof)


def test_a_patient_who_is_not_shown_makes_every_silence_worthless() -> None:
    world = World().destroy()
    world.record.delete("Patient", AMY)
    assert {"record-control", "everything"} == left(world.proof())


class Refusing(FakeRecord):
    """Raises for one call."""

    def __init__(self, name: str, error: PluginError) -> None:
        super().__init__()
        self.name, self.error, self.armed = name, error, False
        self.on_call = self.refuse

    def refuse(self, call: str, what: str) -> None:
        if self.armed and call == self.name:
            raise self.error


@pytest.mark.parametrize(
    ("call", "places"),
    [
        ("read", {"record-control", "record-read"}),
        ("history", {"record-versions"}),
        ("read_version", {"record-versions"}),
        ("versions", {"record-versions", "binary-versions"}),
        ("search", {"record-control", "search-id", "search-patient", "search-identifier", "search-security", "binary"}),
        ("everything", {"everything"}),
        ("binary_answers", {"binary", "binary-versions"}),
        ("read_binary", {"binary"}),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        RecordRefused("no", status=403, code="forbidden"),
        RecordRefused("round and round", code="pages-loop"),
        RecordRefused("elsewhere", code="outside-base"),
        RecordRefused("what", status=400),
        RecordUnavailable("down"),
        RecordUnavailable("a page", code="unusable-answer"),
        AnswerLost("lost"),
    ],
)
def test_whatever_could_not_be_asked_is_not_clean(call: str, places: set[str], error: PluginError) -> None:
    record = Refusing(call, error)
    world = World(record=record).destroy()
    record.armed = True
    proof = world.proof()
    assert left(proof) == places
    assert {each.unasked for each in proof.places if not each.clean} <= {error.code, "record-unavailable"}
    assert proof.ask


# ------------------------------------------------------------------------------------------- rights and pages


class Narrow(FakeRecord):
    """A launch that may less than it says."""

    def __init__(self, denied: frozenset[tuple[str, str]]) -> None:
        super().__init__()
        self.denied = denied

    def capability(self) -> Capability:
        whole = super().capability()
        return Capability(
            fhir_version=whole.fhir_version,
            interactions=whole.interactions,
            update_create=whole.update_create,
            search_params=whole.search_params,
            granted=lambda kind, interaction: (kind, interaction) not in self.denied,
        )


@pytest.mark.parametrize(
    ("kind", "interaction", "missing"),
    [
        ("Media", "read", {"record-read", "record-versions"}),
        ("Media", "search-type", {"search-id", "search-patient", "search-identifier", "search-security"}),
        ("Patient", "read", {"record-control"}),
    ],
)
def test_a_launch_that_may_not_look_proves_nothing(kind: str, interaction: str, missing: set[str]) -> None:
    world = World(record=Narrow(frozenset({(kind, interaction)}))).destroy()
    proof = world.proof()
    assert left(proof) == missing
    assert {place(proof, each).unasked for each in missing} == {"may-not-look"}
    assert any("account" in each for each in proof.ask)


def test_pages_of_everything_that_never_end_are_no_answer() -> None:
    class Endless(FakeRecordPurge):
        def everything(self, patient: PatientId) -> Iterator[Json]:
            while True:
                yield {"resourceType": "Patient", "id": str(patient), "meta": {"versionId": "1"}}

    record = FakeRecord()
    proof = World(record=record, purge=Endless(record)).destroy().proof()
    assert place(proof, "everything").unasked == "pages-loop"


def test_everything_that_breaks_off_keeps_what_it_had_found() -> None:
    class Broken(FakeRecordPurge):
        def everything(self, patient: PatientId) -> Iterator[Json]:
            yield {"resourceType": "Patient", "id": str(patient)}
            yield media("copy-2")
            raise RecordUnavailable("gone away")

    record = FakeRecord()
    found = place(World(record=record, purge=Broken(record)).destroy().proof(), "everything")
    assert found.found == ("Media/copy-2",) and found.unasked == "record-unavailable"


@pytest.mark.parametrize("lie", [Lie.DELETES_NOTHING, Lie.INVENTS, Lie.FORGETS_VERSIONS])
def test_the_lies_that_real_servers_tell_prove_nothing(lie: Lie) -> None:
    world = World(record=FakeRecord(lies=frozenset({lie})))
    if lie is Lie.FORGETS_VERSIONS:
        world.record.put({**media(), "note": [{"text": "again"}]})
    else:
        world.record.delete("Binary", "bytes-1")
        world.record.delete("Media", "photo-1")
        world.record.forget_versions(Reference("Binary/bytes-1"))
    assert not world.proof().proven


def test_a_server_that_shows_versions_to_nobody_leaves_it_open() -> None:
    class Unversioned(Narrow):
        def history(self, resource_type: str, id: str) -> list[Json]:
            raise RecordRefused("history", status=405, code="type-not-supported")

        def read_version(self, resource_type: str, id: str, version: str) -> Json:
            raise RecordRefused("vread", status=405, code="type-not-supported")

    world = World(record=Unversioned(frozenset({("Media", "vread"), ("Media", "history-instance")}))).destroy()
    assert place(world.proof(), "record-versions").unasked == "versions-not-offered"


def test_a_tombstone_that_hides_the_picture_in_a_corner_is_found() -> None:
    world = World().destroy(tombstone=True)
    tombstone = to_tombstone(media())
    tombstone["meta"]["security"][0]["display"] = base64.b64encode(PICTURE).decode()
    world.record.put(tombstone)
    assert "record-read" in left(world.proof())


def test_a_binary_that_reads_as_a_picture_only_by_its_own_address_is_found() -> None:
    class Late(FakeRecord):
        def read_binary(self, url: str) -> BinaryContent:
            return BinaryContent(PICTURE, "image/jpeg")

    assert place(World(record=Late()).destroy().proof(), "binary").found == ("Binary/bytes-1",)


def test_names_that_a_server_makes_up_do_not_get_into_the_proof() -> None:
    world = World().destroy()

    class Talkative(FakeRecordPurge):
        def everything(self, patient: PatientId) -> Iterator[Json]:
            yield {"resourceType": "Patient", "id": str(patient)}
            yield {**media(id="x"), "id": "Amy <b>Example</b>", "meta": {"versionId": "canary words"}}

    world.purge = Talkative(world.record)
    (found,) = place(world.proof(), "everything").found
    assert found == "Media/?/_history/?"
