"""The FHIR record when a proxy, a gateway or another program answers in the server's place, over real HTTP.

Each interaction with each wrong answer: nothing is taken for done that was not, every end is one of ours, in bounded
time.
"""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import AnswerLost, NotFound, PluginError, RecordRefused, RecordUnavailable, TooLarge
from fhir_plugin.ports import TransactionEntry
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.faults import Fault, Match
from fhir_plugin.sandbox.misanswers import Misanswer
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from mappings.model.identifiers import FhirBase, Reference
from smart_launch.transport import Transport
from tests.contracts.record_places import Place, key_of, our_id
from tests.smart_launch.loopback import always, answer, certificate_for, serving

MOST_SECONDS = 20.0
MOST_BYTES = 200 * 2**20
"""Three times what the app lets one answer be: as it came, unpacked, and joined."""
LINKS = ("paging-loop", "next-elsewhere")
ANSWERS = tuple(each for each in get_args(Misanswer) if each not in LINKS)

Act = Callable[[FhirServerRecord, Place, str], object]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(open=True)) as running:
        yield running


@pytest.fixture
def record(sandbox: RunningSandbox) -> Iterator[FhirServerRecord]:
    transport = Transport(read_timeout=10, total_timeout=20)
    yield FhirServerRecord(transport, FhirBase(sandbox.fhir_base))
    sandbox.faults.clear()
    transport.close()


@pytest.fixture
def place(record: FhirServerRecord) -> Place:
    record.capability()
    patient = record.create({"resourceType": "Patient"}).reference
    return Place("sandbox", record, patient, Reference("Patient/nobody"))


def reads(record: FhirServerRecord, _place: Place, id: str) -> object:
    return record.read("Media", id)


def reads_versions(record: FhirServerRecord, _place: Place, id: str) -> object:
    return record.history("Media", id)


def searches(record: FhirServerRecord, place: Place, _id: str) -> object:
    return record.search("Media", {"patient": place.patient.partition("/")[2]})


def reads_bytes(record: FhirServerRecord, _place: Place, id: str) -> object:
    return record.read_binary(f"Binary/{id}")


def puts(record: FhirServerRecord, place: Place, id: str) -> object:
    return record.put(place.media(id=id))


def creates(record: FhirServerRecord, place: Place, _id: str) -> object:
    return record.create(place.media())


def transacts(record: FhirServerRecord, place: Place, id: str) -> object:
    return record.transact([TransactionEntry("PUT", f"Media/{id}", place.media(id=id))])


def puts_bytes(record: FhirServerRecord, _place: Place, id: str) -> object:
    return record.create_binary(b"\xff\xd8\xff" * 100, "image/jpeg", id=id, security_context=None)


READS: tuple[Act, ...] = (reads, reads_versions, searches)
WRITES: tuple[Act, ...] = (puts, creates, transacts, puts_bytes)


def strike(sandbox: RunningSandbox, kind: str, *, done: bool, times: int = 1, status: int | None = None) -> None:
    fault = {"kind": kind, "match": Match(path="^/fhir"), "done": done, "times": times, "status": status}
    sandbox.faults.add(Fault.model_validate(fault))


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("act", READS, ids=lambda act: act.__name__)
def test_a_reading_that_got_another_answer(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, act: Act, kind: str
) -> None:
    stored, _ = place.make()
    strike(sandbox, kind, done=True)
    started = time.monotonic()
    with pytest.raises((RecordUnavailable, RecordRefused)) as raised:
        act(record, place, stored.id)
    assert time.monotonic() - started < MOST_SECONDS
    assert (raised.value.code == "redirected") is (kind == "redirect")
    assert "Fault on demand" not in str(raised.value) and "Sign in" not in str(raised.value)
    assert act(record, place, stored.id)


@pytest.mark.parametrize("done", [True, False], ids=["done", "not-done"])
@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("act", WRITES, ids=lambda act: act.__name__)
def test_a_write_that_got_another_answer_is_never_taken_for_refused_nor_for_done(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, act: Act, kind: str, done: bool
) -> None:
    """Nobody knows (`AnswerLost`), and the record is asked; a redirection that is no 303 says that nothing was done.
    200 without a body is R4's right answer to a PUT under our id: it is believed here, and seen by reading back."""
    id = our_id()
    strike(sandbox, kind, done=done, status=303 if kind == "redirect" and done else None)
    try:
        act(record, place, id)
    except AnswerLost:
        assert kind != "redirect" or done
    except RecordRefused as refused:
        assert (kind, refused.code, done) == ("redirect", "redirected", False)
    else:
        assert act in (puts, puts_bytes)
        assert kind == "empty" or (kind == "wrong-type" and done), "an answer without a body has no type"
    if act is creates:
        return
    read = reads_bytes if act is puts_bytes else reads
    if done:
        assert read(record, place, id)
    else:
        with pytest.raises(NotFound):
            read(record, place, id)


@pytest.mark.parametrize(("kind", "code"), [("paging-loop", "pages-loop"), ("next-elsewhere", "outside-base")])
@pytest.mark.parametrize("act", [searches, reads_versions], ids=lambda act: act.__name__)
def test_pages_that_lead_round_or_elsewhere_are_refused(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place, act: Act, kind: str, code: str
) -> None:
    """A list is whole or it is refused: never cut, never fetched from another host."""
    stored, _ = place.make()
    strike(sandbox, kind, done=True, times=50)
    started = time.monotonic()
    with pytest.raises(RecordRefused) as refused:
        act(record, place, stored.id)
    assert refused.value.code == code
    assert time.monotonic() - started < MOST_SECONDS
    assert len(sandbox.faults.waiting()) == 1 and sandbox.faults.waiting()[0].times >= 47, "asked no more than it must"


def test_a_bomb_takes_no_more_memory_than_an_answer_may(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place
) -> None:
    stored, _ = place.make()
    strike(sandbox, "gzip-bomb", done=True)
    strike(sandbox, "gzip-bomb", done=True)
    with pytest.raises(RecordUnavailable):
        record.read("Media", stored.id)  # and the bomb is made, which is not what is measured
    tracemalloc.start()
    try:
        with pytest.raises(RecordUnavailable):
            record.read("Media", stored.id)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_BYTES


@pytest.mark.parametrize("kind", ["html", "xml", "wrong-type", "redirect", "empty"])
def test_bytes_of_another_type_are_not_taken_for_an_image(
    sandbox: RunningSandbox, record: FhirServerRecord, kind: str
) -> None:
    """A Binary may hold any type, a page as well: so what came says its type, and is compared with what was sent."""
    content = bytes(range(256)) * 9
    stored = record.create_binary(content, "image/jpeg", id=our_id(), security_context=None)
    strike(sandbox, kind, done=True, times=9)
    try:
        found = record.read_binary(stored.reference)
    except PluginError:
        pass
    else:
        assert (found.content, found.content_type) != (content, "image/jpeg")
    sandbox.faults.clear()
    assert record.read_binary(stored.reference).content == content


def test_a_deletion_that_got_another_answer_is_looked_at(
    sandbox: RunningSandbox, record: FhirServerRecord, place: Place
) -> None:
    stored, resource = place.make()
    for kind in ("html", "outcome-with-200", "xml", "redirect"):
        strike(sandbox, kind, done=False)
        with contextlib.suppress(PluginError):
            record.delete("Media", stored.id)
        assert place.record.search("Media", key_of(resource)), "whatever was answered, it is there"
    record.delete("Media", stored.id)
    assert place.record.search("Media", key_of(resource)) == []


# ------------------------------------------------------------------------------------------- spoiled bytes


def test_a_server_that_spoils_raw_bytes_and_that_nobody_has_named_gets_json_the_next_time(tmp_path: Path) -> None:
    """The SMART launcher in front of another server shows that one's CapabilityStatement: nothing tells what it is."""
    like = tmp_path / "like.toml"
    like.write_text('name = "launcher"\nsoftware_name = "HAPI FHIR Server"\nraw_binary = "as-text"\n')
    content, transport, forms = bytes(range(256)) * 9, Transport(), BinaryForms()
    with running_sandbox(SandboxConfig(open=True, personality=str(like))) as launcher:
        record = FhirServerRecord(transport, FhirBase(launcher.fhir_base), binary_forms=forms)

        def written() -> str:
            return record.create_binary(content, "image/jpeg", id=None, security_context=None).reference

        spoiled = written()
        assert forms.raw_taken(record.base)
        assert record.read_binary(spoiled).content != content
        again = FhirServerRecord(transport, record.base, binary_forms=forms)
        assert forms.raw_taken(record.base) is False
        assert again.read_binary(written()).content == content
        assert again.read_binary(written()).content == content
        assert forms.raw_taken(record.base) is False
    transport.close()


# ----------------------------------------------------------------------------------- certificates, limits


@pytest.mark.parametrize("trouble", ["untrusted", "another name", "run out"])
def test_a_server_whose_certificate_fails_hears_nothing(tmp_path: Path, trouble: str) -> None:
    """Neither the token nor the image leaves; it is surely not done, so it may simply be tried again."""
    name = "localhost" if trouble == "another name" else "127.0.0.1"
    context, trusted = certificate_for(name, tmp_path, days=-2 if trouble == "run out" else 1)
    transport = Transport(ca_bundle=None if trouble == "untrusted" else trusted)
    with serving(always(answer()), tls=context) as server:
        record = FhirServerRecord(transport, FhirBase(f"https://127.0.0.1:{server.port}/fhir"), lambda: "a-token")
        acts: list[Callable[[], object]] = [
            record.capability,
            lambda: record.put({"resourceType": "Media", "id": "m"}),
            lambda: record.create_binary(b"\xff\xd8\xff", "image/jpeg", id="b", security_context=None),
        ]
        for act in acts:
            with pytest.raises(RecordUnavailable):
                act()
        assert server.requests == []
    transport.close()


@pytest.mark.parametrize("status", [413, 400, 422, 500])
def test_a_limit_below_the_image_is_heard_in_any_status_that_speaks_of_size(status: int, tmp_path: Path) -> None:
    like = tmp_path / "like.toml"
    like.write_text(f'name = "small"\nmax_body_bytes = 100_000\nbody_limit_status = {status}\n')
    transport = Transport()
    with running_sandbox(SandboxConfig(open=True, personality=str(like))) as small:
        record = FhirServerRecord(transport, FhirBase(small.fhir_base))
        with pytest.raises(TooLarge):
            record.create_binary(b"\xff\xd8\xff" * 50_000, "image/jpeg", id=our_id(), security_context=None)
        kept = record.create_binary(b"\xff\xd8\xff" * 500, "image/jpeg", id=our_id(), security_context=None)
        assert record.read_binary(kept.reference).content == b"\xff\xd8\xff" * 500
    transport.close()
