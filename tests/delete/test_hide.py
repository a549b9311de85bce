"""Hiding: gone from every ordinary view at once, kept whole, told to the record and read back; and back exactly."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from fhir_plugin.delete.hidden_words import FILE_VERSIONS, NOT_TAKEN, READABLE, STILL_THERE
from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, RecordRefused, Refused, SignInNeeded
from fhir_plugin.ledger.intents import Outcome
from fhir_plugin.ports import Compartment
from mappings.model.hiding import HidingReason, HidingState
from mappings.model.identifiers import LaunchId, Reference
from mappings.model.work import WorkKind
from mappings.r4.hidden_stub import Form, form_of
from mappings.r4.hiding_provenance import signed_hiding_in
from tests.delete.hiding_bench import WHY, chart, without_server_words
from tests.fakes.record import FakeRecord, Lie
from tests.keep.labelled import AMY, JPEG, ORDINARY, OURS, filed, foreign
from tests.keep.relabelling import INTIMATE
from tests.work.test_practice import DESK, HERE, NURSE, at

SECRET = (base64.b64encode(JPEG).decode(), "Forearm", "14975008", "Rash", "b-m1", "SEX")


def test_what_is_hidden_is_gone_from_every_view_and_kept_whole() -> None:
    bench = chart()
    filed(bench, *INTIMATE, reference=Reference("Media/m3"))
    before = bench.on_server()
    hidden = bench.hide()
    assert hidden.state is HidingState.HIDDEN and not hidden.pending and hidden.words == WHY
    assert OURS not in bench.shown() and bench.shown() == {"Media/m2", "Media/m3"}
    assert not bench.opens()
    stub = bench.on_server()
    assert form_of(stub, picture=neutral_picture()) is Form.PICTURE
    assert stub["status"] == before["status"] and stub["subject"] == before["subject"]
    assert {each["code"] for each in stub["meta"]["security"]} == {"R", "MASKED"}
    assert not any(each in str(stub) for each in SECRET)
    assert bench.bytes_of() == neutral_picture()
    kept = [bench.vault.get(each.vault_id) for each in bench.in_vault()]
    assert JPEG in kept and len(kept) == 2
    assert hidden.content is not None and bench.vault.get(hidden.content) == JPEG
    assert hidden.digest == bench.vault.keyed_digest(JPEG)
    assert not bench.vault.items(compartment=Compartment.THUMBNAIL, owner=f"{HERE}/{OURS}")
    assert bench.stopped == 1


def test_it_is_signed_for_and_says_no_word_of_what_was_typed() -> None:
    bench = chart()
    bench.hide()
    [told] = [each for each in bench.provenances() if signed_hiding_in(each) is not None]
    signed = signed_hiding_in(told)
    assert signed is not None and bench.signer.verify(*signed)
    assert signed[0]["act"] == "hide" and signed[0]["reason"] == "patient-asked" and signed[0]["target"] == OURS
    assert told["activity"]["coding"][0]["code"] == "MASK"
    assert WHY not in str(told) and bench.vault.keyed_digest(JPEG) == signed[0]["keyed_digest"]
    actions = [each.entry.action for each in bench.audit.entries(subject=OURS)]
    assert [each for each in actions if each.startswith("hiding.")] == ["hiding.ordered", "hiding.told"]
    assert WHY not in str(bench.audit.entries(subject=OURS))


def test_who_can_still_see_it_at_this_server_is_said_as_it_is() -> None:
    assert READABLE in chart().hide().remains and FILE_VERSIONS in chart().hide().remains


def test_it_comes_back_exactly_as_it_was() -> None:
    bench = chart()
    before = without_server_words(bench.on_server())
    bench.hide()
    bench.clock.advance(minutes=5)
    bench.restore()
    assert without_server_words(bench.on_server()) == before and bench.bytes_of() == JPEG
    assert bench.row() is None and not bench.in_vault() and OURS in bench.shown()
    assert bench.gallery.picture(at(), OURS) == (JPEG, "image/jpeg")
    acts = {signed[0]["act"] for each in bench.provenances() if (signed := signed_hiding_in(each)) is not None}
    assert acts == {"hide", "restore"}
    bench.hide()
    assert bench.row() is not None and not bench.opens()


@pytest.mark.parametrize("merges", [False, True], ids=["replaces labels", "merges labels"])
def test_labels_come_back_as_they_were(merges: bool) -> None:
    bench = chart(FakeRecord(merges_labels=merges))
    filed(bench, *INTIMATE, reference=Reference("Media/m3"))
    for reference in (OURS, Reference("Media/m3")):
        before = {each["code"] for each in bench.on_server(reference)["meta"]["security"]}
        bench.hide(reference)
        bench.restore(reference)
        assert {each["code"] for each in bench.on_server(reference)["meta"]["security"]} == before
        assert bench.row(reference) is None


def test_labels_that_a_server_never_takes_away_keep_it_hidden() -> None:
    bench = chart(FakeRecord(merges_labels=True, meta_operations=False))
    bench.hide()
    assert bench.restore().state is HidingState.HIDDEN
    assert not bench.opens() and bench.in_vault()
    assert form_of(bench.on_server(), picture=neutral_picture()) is Form.PICTURE
    assert bench.bytes_of() == neutral_picture()
    [item] = bench.worklist.of_patient(HERE, AMY.id)
    assert item.kind is WorkKind.FOLLOW_UP and "stays hidden" in item.words


def test_a_server_that_takes_no_change_is_told_and_nothing_is_lost_there() -> None:
    bench = chart()
    record = bench.record
    assert isinstance(record, FakeRecord)
    record._refuses["Media"] = RecordRefused("no", status=403, code="forbidden")
    before = bench.on_server()
    hidden = bench.hide()
    assert hidden.state is HidingState.HIDDEN_HERE_ONLY and hidden.remains == (NOT_TAKEN,)
    assert not bench.opens() and OURS not in bench.shown()
    assert bench.on_server() == before and bench.bytes_of() == JPEG and not bench.in_vault()
    [item] = bench.worklist.of_patient(HERE, AMY.id)
    assert item.kind is WorkKind.FOLLOW_UP and "other systems may show it" in item.words
    record._refuses.clear()
    assert bench.hide().state is HidingState.HIDDEN  # whoever asks again tells it again
    bench.restore()
    assert bench.opens()


def test_one_that_the_record_never_took_is_taken_back_here() -> None:
    bench = chart()
    assert isinstance(bench.record, FakeRecord)
    bench.record._refuses["Media"] = RecordRefused("no", status=403, code="forbidden")
    bench.hide()
    bench.restore()
    assert bench.row() is None and bench.opens()


@pytest.mark.parametrize("what", ["Provenance", "Binary"])
def test_what_is_refused_half_way_is_undone_or_told(what: str) -> None:
    bench = chart()
    assert isinstance(bench.record, FakeRecord)
    before = without_server_words(bench.on_server())
    bench.record._refuses[what] = RecordRefused("no", status=422, code="unprocessable")
    hidden = bench.hide()
    assert not bench.opens()
    if what == "Binary":
        assert hidden.state is HidingState.HIDDEN and STILL_THERE in hidden.remains and bench.bytes_of() == JPEG
    else:
        assert hidden.state is HidingState.HIDDEN_HERE_ONLY
        assert without_server_words(bench.on_server()) == before and bench.bytes_of() == JPEG
        [intent] = bench.ledger.for_subject(OURS)
        assert intent.outcome is Outcome.NOTHING_CURRENT and not bench.vault.items(owner=intent.id)


def test_bytes_that_another_image_shows_are_left_as_they_are() -> None:
    bench = chart()
    foreign(bench, *ORDINARY, content={"contentType": "image/jpeg", "url": "Binary/b-m1"})
    hidden = bench.hide()
    assert bench.bytes_of() == JPEG and any("Another entry" in each for each in hidden.remains)
    assert bench.gallery.picture(at(), Reference("Media/x1"))[0] == JPEG
    bench.restore()
    assert bench.opens()


def test_another_systems_image_with_its_bytes_inside_is_hidden_and_comes_back() -> None:
    bench = chart()
    inline = {"contentType": "image/jpeg", "data": base64.b64encode(JPEG).decode()}
    reference = foreign(bench, content=inline, deviceName="Camera of the ward", note=[{"text": "secret words"}])
    before = without_server_words(bench.on_server(reference))
    bench.hide(reference)
    assert not any(each in str(bench.on_server(reference)) for each in (inline["data"], "Camera", "secret"))
    bench.restore(reference)
    assert without_server_words(bench.on_server(reference)) == before


def test_a_document_reference_is_hidden_and_comes_back() -> None:
    bench = chart()
    reference = filed(bench, *INTIMATE, reference=Reference("DocumentReference/d1"))
    before = without_server_words(bench.on_server(reference))
    assert bench.hide(reference).state is HidingState.HIDDEN
    stub = bench.on_server(reference)
    assert form_of(stub, picture=neutral_picture()) is Form.PICTURE and "securityLabel" not in stub
    assert reference not in bench.shown()
    bench.restore(reference)
    assert without_server_words(bench.on_server(reference)) == before


def test_what_somebody_put_in_its_place_is_not_written_over() -> None:
    bench = chart()
    bench.hide()
    stub = bench.on_server()
    bench.record.put({**stub, "note": [{"text": "another system was here"}]})
    assert bench.restore().state is HidingState.HIDDEN
    assert "another system was here" in str(bench.on_server()) and bench.in_vault() and not bench.opens()


def test_one_that_changed_while_it_was_being_hidden_is_kept_as_it_was_then() -> None:
    bench = chart()
    record = bench.record
    assert isinstance(record, FakeRecord)
    changed: list[bool] = []

    def meddle(call: str, what: str) -> None:
        if (call, what) == ("put", OURS) and not changed:
            changed.append(True)
            record.put({**record.read("Media", "m1"), "note": [{"text": "a note of today"}]})

    record.on_call = meddle
    bench.hide()
    record.on_call = lambda _call, _what: None
    assert changed and bench.row() is not None
    bench.restore()
    assert bench.on_server()["note"] == [{"text": "a note of today"}] and bench.opens()


def test_only_clinicians_of_this_patient_hide_and_only_with_a_reason() -> None:
    bench = chart()
    with pytest.raises(NotAllowed):
        bench.hide(session=at(DESK))
    for reference in (Reference("Media/none"), Reference("Patient/amy")):
        with pytest.raises(NotFound):
            bench.hide(reference)
    with pytest.raises(NotFound):
        bench.hide(session=at(NURSE, "bob"))
    for reason, words in ((None, WHY), (HidingReason.WRONG_PATIENT, WHY), (HidingReason.OTHER, " a ")):
        with pytest.raises(Incomplete):
            bench.hiding.hide(at(), AMY, OURS, reason, words)
    assert bench.row() is None and not bench.ledger.for_subject(OURS)


def test_another_patients_chart_neither_sees_nor_restores_it() -> None:
    bench = chart()
    bench.hide()
    other = at(NURSE, "bob")
    with pytest.raises(NotFound):
        bench.hiding.restore(other, AMY, OURS, WHY)
    with pytest.raises(NotFound):
        bench.hiding.one(other, OURS)
    with pytest.raises(NotFound):
        bench.hiding.wrong_patient(other, AMY, OURS, WHY)
    assert not bench.hiding.of_patient(at(NURSE, "bob"))


def test_it_is_hidden_once_and_taken_back_within_policy() -> None:
    bench = chart()
    first = bench.hide()
    assert bench.hide(reason=HidingReason.NOT_NEEDED) == first
    assert len(bench.ledger.for_subject(OURS)) == 1
    bench.clock.advance(minutes=60 * 24 * 366)
    with pytest.raises(Refused) as refused:
        bench.restore()
    assert refused.value.code == "hidden-too-long"


def test_what_waits_for_a_sign_in_is_hidden_meanwhile_and_goes_on_at_the_next_launch() -> None:
    bench = chart()
    assert isinstance(bench.record, FakeRecord)

    def expire(call: str, _what: str) -> None:
        if call == "put":
            raise SignInNeeded("launch again")

    bench.record.on_call = expire
    assert bench.hide().state is HidingState.HIDING
    bench.record.on_call = lambda _call, _what: None
    assert not bench.opens()
    bench.later()
    assert bench.row() == bench.hide() and bench.hide().pending
    again = replace(at(), launch_id=LaunchId("another launch"))
    bench.hiding.resume_for(again)
    row = bench.row()
    assert row is not None and row.state is HidingState.HIDDEN and bench.bytes_of() == neutral_picture()


def test_a_file_that_somebody_replaced_is_not_written_over() -> None:
    bench = chart()
    bench.hide()
    bench.record.create_binary(b"of somebody else", "image/jpeg", id="b-m1", security_context=None)
    assert bench.restore().state is HidingState.HIDDEN
    assert bench.bytes_of() == b"of somebody else" and bench.in_vault() and not bench.opens()


LIES = (
    Lie.STORES_NOTHING,
    Lie.DROPS_LABELS,
    Lie.IGNORES_VERSION,
    Lie.FORGETS_VERSIONS,
    Lie.FINDS_EVERYTHING,
    Lie.DOUBLES,
)


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_makes_nothing_be_said_that_is_not_so(lie: Lie) -> None:
    bench = chart()
    record = bench.record
    assert isinstance(record, FakeRecord)
    record.lies = frozenset({lie})
    hidden = bench.hide()
    record.lies = frozenset()
    assert not bench.opens()
    if hidden.state is HidingState.HIDDEN:
        assert form_of(bench.on_server(), picture=neutral_picture()) is Form.PICTURE
        assert bench.bytes_of() == neutral_picture() or STILL_THERE in hidden.remains
    elif not hidden.pending:
        assert hidden.state is HidingState.HIDDEN_HERE_ONLY
        assert bench.bytes_of() == JPEG and bench.on_server()["content"]["url"] == "Binary/b-m1"
    bench.later()
    row = bench.row()
    assert row is not None
    if not row.pending:
        bench.restore()
        assert bench.bytes_of() == JPEG and bench.on_server()["content"]["url"] == "Binary/b-m1"
