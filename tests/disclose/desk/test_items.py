"""Items: what is proposed and why, what people may put in its place, and who has to look."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.disclose.desk.signing import OWN_WORD
from fhir_plugin.errors import Incomplete, NotAllowed, NotFound, Refused
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.consent import (
    ConsentAnswer,
    ConsentForm,
    ConsentGiver,
    ConsentScope,
    Grantor,
    PhotoConsent,
    ScopeDecision,
)
from mappings.model.disclosure import Opinion, Redact, Release, Review, Reviewer, Withhold
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey, RequestState
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.kept import KeptImage
from mappings.model.label_change import ImageLabel
from mappings.model.labels import RESTRICTED, SEXUALITY, Label
from mappings.model.people import Role
from mappings.model.work import WorkKind
from mappings.r4.consent import to_consent
from mappings.terminology.labels import UNREADABLE
from tests.disclose.desk.bench import AMY, DOCTOR, GUARDIAN, HERE, INSURER, OFFICER, PRIVACY, SAID, DeskBench, session
from tests.fakes.clock import START
from tests.fakes.whole_record import INTIMATE, ORDINARY, TWIN
from tests.fakes.worker import picture

ARM, PRIVATE, LETTER = (ItemKey(key) for key in (f"Media/{ORDINARY}", f"Media/{INTIMATE}", "Communication/letter-1"))
SOLICITOR = INSURER | {"requester": "other-sides-solicitor"}
COURT = INSURER | {"requester": "court-order", "authority": "seen"}


@pytest.fixture
def bench() -> DeskBench:
    return DeskBench()


def decide(
    bench: DeskBench, request: DisclosureRequest, keys: list[ItemKey], decided: Decided | None, who: object = OFFICER
) -> DisclosureRequest:
    now = bench.requests.get(request.id)
    return bench.desk.decide(who, request.id, keys, decided, "Because.", revision=now.revision)  # type: ignore[arg-type]


def test_the_patient_gets_their_own_picture_and_the_insurer_does_not(bench: DeskBench) -> None:
    mine = bench.item(bench.gathered(), PRIVATE)
    theirs = bench.item(bench.gathered(INSURER), PRIVATE)
    assert isinstance(mine.decided, Release) and isinstance(theirs.decided, Redact)
    assert theirs.category == "private area" and theirs.decided.reason.text


def test_what_is_sensitive_is_named_by_type_and_day_alone(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    item = bench.item(request, PRIVATE)
    assert (item.title, item.words, item.when) == ("Picture", "", "2026-04-05")
    assert bench.item(request, ARM).title == "Picture: Left forearm"
    assert "ulva" not in repr(bench.view(request).items)


def test_what_follows_from_another_item_says_so(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    made = bench.item(request, "Provenance/made-1")
    assert isinstance(made.decided, Withhold) and made.consequence is not None
    assert made.consequence.rule == "about-withheld-only"
    assert bench.item(request, "Observation/about-the-picture").cuts == 1
    letter = bench.item(request, LETTER)
    assert letter.asks is Reviewer.OFFICER and letter.consequence is not None


def test_an_override_changes_what_follows_from_it_too(bench: DeskBench) -> None:
    request = bench.gathered(COURT)
    decide(bench, request, [PRIVATE], Decided.RELEASE)
    assert isinstance(bench.item(request, "Provenance/made-1").decided, Release)
    assert bench.item(request, LETTER).asks is None
    decide(bench, request, [PRIVATE, ARM], Decided.REDACT)
    assert isinstance(bench.item(request, "Provenance/made-2").decided, Withhold)
    request = decide(bench, request, [PRIVATE, ARM], None)
    assert request.overrides == {}


def test_words_that_were_read_may_go_out(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    seen = bench.desk.words(OFFICER, request.id, LETTER)
    assert "vulva" in repr(seen.facts) and seen.after is None
    bench.desk.read(OFFICER, request.id, LETTER, revision=request.revision)
    item = bench.item(request, LETTER)
    assert item.asks is None and isinstance(item.decided, Release)
    after = bench.desk.words(OFFICER, request.id, LETTER).after
    assert after is not None and "vulva" in after
    with pytest.raises(Refused, match="waits"):
        now = bench.requests.get(request.id)
        bench.desk.read(OFFICER, request.id, ARM, revision=now.revision)


@pytest.mark.parametrize("said", [INSURER, SOLICITOR])
def test_no_officer_lets_out_what_needs_the_patients_yes(bench: DeskBench, said: dict[str, str]) -> None:
    request = bench.gathered(said)
    with pytest.raises(Refused) as raised:
        decide(bench, request, [ARM, PRIVATE], Decided.RELEASE)
    assert raised.value.code == "patients-yes"
    assert bench.requests.get(request.id) == request
    request = bench.gathered(said | {"consent": "named"})
    assert isinstance(bench.item(request, PRIVATE).decided, Release)


def test_nothing_is_kept_back_in_silence_from_those_who_must_be_told(bench: DeskBench) -> None:
    request = bench.gathered()
    with pytest.raises(Refused) as raised:
        decide(bench, request, [ARM], Decided.WITHHOLD)
    assert raised.value.code == "must-be-told"
    assert isinstance(bench.gathered(INSURER), DisclosureRequest)
    insurer = bench.gathered(INSURER)
    decide(bench, insurer, [ARM], Decided.WITHHOLD)
    assert isinstance(bench.item(insurer, ARM).decided, Withhold)


def test_a_decision_needs_a_reason_and_an_item_that_is_there(bench: DeskBench) -> None:
    request = bench.gathered()
    with pytest.raises(Incomplete):
        bench.desk.decide(OFFICER, request.id, [ARM], Decided.REDACT, "  ", revision=request.revision)
    with pytest.raises(Incomplete):
        bench.desk.decide(OFFICER, request.id, [], Decided.REDACT, "Because.", revision=request.revision)
    with pytest.raises(NotFound):
        decide(bench, request, [ARM, ItemKey("Media/nobody")], Decided.REDACT)
    assert bench.requests.get(request.id) == request


# ------------------------------------------------------------------------------------------------- the same picture


def test_the_same_picture_under_another_name_stays_back_with_it() -> None:
    bench = DeskBench(twin=True)
    request = bench.gathered(INSURER)
    again = bench.item(request, f"Media/{TWIN}")
    assert isinstance(again.proposed, Release) and isinstance(again.decided, Redact)
    assert again.decided.reason.rule == "same-picture"
    decide(bench, request, [ItemKey(f"Media/{TWIN}")], Decided.RELEASE)
    assert isinstance(bench.item(request, f"Media/{TWIN}").decided, Redact), "not by another door"
    mine = bench.gathered()
    assert isinstance(bench.item(mine, f"Media/{TWIN}").decided, Release)


# --------------------------------------------------------------------------------------------- labels of our own


def ours(bench: DeskBench, *labels: Label) -> None:
    bench.labels.keep(ImageLabel(HERE, Reference(ARM), AMY, labels=labels))


def test_a_label_that_the_server_lost_holds_all_the_same(bench: DeskBench) -> None:
    request = bench.gathered(INSURER)
    seen = bench.view(request)
    assert isinstance(bench.item(request, ARM).decided, Release)
    ours(bench, RESTRICTED, SEXUALITY)
    assert isinstance(bench.item(request, ARM).decided, Redact), "raised while the officer looks"
    assert bench.view(request).digest != seen.digest
    court = bench.gathered(COURT)
    decide(bench, court, [ARM, PRIVATE], Decided.RELEASE)
    after = bench.desk.words(OFFICER, court.id, ARM).after
    assert after is not None and "SEX" in after, "it goes out with its label"
    assert isinstance(bench.item(bench.gathered(), ARM).decided, Release)


def test_a_label_of_ours_that_cannot_be_read_is_looked_at(bench: DeskBench) -> None:
    ours(bench, UNREADABLE)
    request = bench.gathered()
    assert bench.item(request, ARM).asks is Reviewer.OFFICER
    decide(bench, request, [ARM], Decided.RELEASE)
    after = bench.desk.words(OFFICER, request.id, ARM).after
    assert after is not None and "unreadable" not in after


# ------------------------------------------------------------------------------------------------------ hidden items


COPY = picture("canary: the whole of it, before it was cropped")


def hide(bench: DeskBench, key: ItemKey) -> ItemKey:
    """Policy keeps the original of this image beside the record. Returns what it is called once the record is read."""
    before = {*bench.vault.items()}
    bench.kept.keep(KeptImage(HERE, Reference(key), AMY, CaptureId("c1"), bench.clock.now()))
    vault_id = bench.vault.put(COPY, compartment=Compartment.AUDIT_COPY, owner=kept_under(HERE, key))
    assert len({*bench.vault.items()} - before) == 1
    return ItemKey(f"Media/hidden-copy-{hashlib.sha256(vault_id.encode()).hexdigest()[:16]}")


def test_the_officer_sees_that_something_is_hidden_and_the_privacy_officer_decides(bench: DeskBench) -> None:
    copy = hide(bench, ARM)
    request = bench.gathered()
    seen = bench.view(request)
    assert seen.hidden == 1 and copy not in [each.key for each in seen.items]
    assert isinstance(bench.item(request, ARM).decided, Release), "what the record shows is nobody's secret"
    assert any("1 hidden item waits for the privacy officer" in each for each in seen.missing)
    for act in (Decided.RELEASE, Decided.REDACT):
        with pytest.raises(NotFound):
            decide(bench, request, [copy], act)
    with pytest.raises(NotFound):
        bench.desk.words(OFFICER, request.id, copy)
    with pytest.raises(NotFound):
        bench.desk.reveal(OFFICER, request.id, copy, "Direct care")
    hidden = bench.item(request, copy, PRIVACY)
    assert hidden.hidden and hidden.asks is Reviewer.PRIVACY_OFFICER
    decide(bench, request, [copy], Decided.REDACT, PRIVACY)
    seen = bench.view(request)
    assert seen.may_sign and copy not in seen.request.overrides, "the officer learns no more than that it is decided"
    assert copy not in repr([each.overrides for each in bench.desk.of_patient(OFFICER)])
    decide(bench, request, [copy], Decided.RELEASE, PRIVACY)
    assert isinstance(bench.item(request, copy).decided, Release), "who signs sees what they sign for"
    with pytest.raises(NotAllowed):
        decide(bench, request, [copy], Decided.REDACT)


@pytest.mark.parametrize("let_out", [True, False])
def test_a_hidden_copy_goes_out_only_where_the_privacy_officer_lets_it(bench: DeskBench, let_out: bool) -> None:
    """Also where the record does not have the picture any more: then the copy is all that there is of it."""
    copy = hide(bench, ItemKey("Media/gone-from-the-record"))
    request = bench.gathered()
    decide(bench, request, [copy], Decided.RELEASE if let_out else Decided.REDACT, PRIVACY)
    if bench.signed(request).state is RequestState.WAITS_FOR_SECOND:
        bench.signed(request, GUARDIAN)
    done = bench.requests.get(request.id)
    assert done.state is RequestState.SENT, done.why_not
    _name, pieces = bench.desk.package(OFFICER, request.id)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as package:
        everything = b"".join(package.read(each) for each in package.namelist())
    assert (COPY in everything) is let_out
    assert done.package is not None and (Reference(copy) in done.package.images) is let_out


def test_the_privacy_officer_decides_about_nothing_else(bench: DeskBench) -> None:
    request = bench.gathered()
    with pytest.raises(NotAllowed):
        decide(bench, request, [ARM], Decided.REDACT, PRIVACY)


def test_a_hidden_item_is_no_part_of_what_an_insurer_gets(bench: DeskBench) -> None:
    copy = hide(bench, ARM)
    request = bench.gathered(INSURER)
    assert isinstance(bench.item(request, copy, PRIVACY).decided, Withhold)
    assert bench.view(request).hidden == 1


def test_a_copy_has_the_labels_of_its_picture_and_where_nobody_knows_them_is_restricted(bench: DeskBench) -> None:
    private, gone = hide(bench, PRIVATE), hide(bench, ItemKey("Media/gone"))
    request = bench.gathered()
    assert Fact.SENSITIVE in bench.desk._thinking.decision(request).facts[private]
    assert Fact.RESTRICTED in bench.desk._thinking.decision(request).facts[gone]


def test_what_was_entered_in_error_waits_for_the_privacy_officer(bench: DeskBench) -> None:
    media = bench.record.read("Media", ORDINARY)
    bench.record.put({**media, "status": "entered-in-error"})
    request = bench.gathered()
    assert bench.view(request).hidden == 1
    assert bench.item(request, ARM, PRIVACY).asks is Reviewer.PRIVACY_OFFICER


# ---------------------------------------------------------------------------------------------------- serious harm


def test_a_health_professional_is_asked_and_answers(bench: DeskBench) -> None:
    request = bench.gathered()
    request = bench.desk.ask_opinion(OFFICER, request.id, ARM, "canary: harm?", revision=request.revision)
    item = bench.item(request, ARM)
    assert isinstance(item.decided, Review) and item.asks is Reviewer.HEALTH_PROFESSIONAL
    kinds = {each.kind: each for each in bench.worklist.of_patient(HERE, AMY)}
    assert "canary" not in kinds[WorkKind.HARM_OPINION].words
    with pytest.raises(Refused):
        decide(bench, request, [ARM], Decided.RELEASE)
    assert [each.key for each in bench.view(request, DOCTOR).items] == [ARM], "what is asked, and no more"
    (listed,) = bench.desk.of_patient(DOCTOR)
    for seen in (listed, bench.view(request, DOCTOR).request):
        assert not seen.recipient and not seen.identity_checked and dict(seen.opinions_asked) == {ARM: "canary: harm?"}
    with pytest.raises(NotFound):
        bench.desk.words(DOCTOR, request.id, PRIVATE)
    request = bench.desk.opine(
        DOCTOR, request.id, ARM, Opinion.SERIOUS_HARM, "Yes: she said so.", revision=request.revision
    )
    assert isinstance(bench.item(request, ARM).decided, Redact)
    assert WorkKind.HARM_OPINION not in {each.kind for each in bench.worklist.of_patient(HERE, AMY)}
    with pytest.raises(Refused) as raised:
        decide(bench, request, [ARM], Decided.RELEASE)
    assert raised.value.code == "serious-harm"
    again = bench.desk.opine(DOCTOR, request.id, ARM, Opinion.NO_HARM, "No more.", revision=request.revision)
    assert isinstance(bench.item(again, ARM).decided, Release)


def test_nobody_who_is_officer_and_doctor_keeps_something_from_a_patient_alone(bench: DeskBench) -> None:
    both = session("officer", Role.DISCLOSURE_OFFICER, Role.CLINICIAN)
    request = bench.gathered()
    request = bench.desk.ask_opinion(both, request.id, ARM, "Harm?", revision=request.revision)
    bench.desk.opine(both, request.id, ARM, Opinion.SERIOUS_HARM, "I say so.", revision=request.revision)
    assert bench.view(request, both).needs_second and not bench.view(request, GUARDIAN).needs_second
    assert bench.signed(request, both).state is RequestState.WAITS_FOR_SECOND
    assert bench.view(request, GUARDIAN).why_second == (OWN_WORD,), "whoever signs second is told, too"
    bench.signed(request, GUARDIAN)
    assert bench.requests.get(request.id).state is RequestState.SENT


def test_only_what_was_asked_is_answered_and_only_with_words(bench: DeskBench) -> None:
    request = bench.gathered()
    with pytest.raises(NotFound):
        bench.desk.opine(DOCTOR, request.id, ARM, Opinion.NO_HARM, "None.", revision=request.revision)
    request = bench.desk.ask_opinion(OFFICER, request.id, ARM, "canary: harm?", revision=request.revision)
    for opinion, words in ((Opinion.NO_HARM, " "), (Opinion.NOT_ASKED, "Well.")):
        with pytest.raises(Incomplete):
            bench.desk.opine(DOCTOR, request.id, ARM, opinion, words, revision=request.revision)


def test_what_policy_asks_a_professional_is_on_their_list_once_the_record_is_read(bench: DeskBench) -> None:
    media = bench.record.read("Media", ORDINARY)
    taboo = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "TBOO"}
    bench.record.put({**media, "meta": {"security": [taboo]}})
    request = bench.gathered()
    assert bench.item(request, ARM).asks is Reviewer.HEALTH_PROFESSIONAL
    assert WorkKind.HARM_OPINION in {each.kind for each in bench.worklist.of_patient(HERE, AMY)}
    for decided in (Decided.RELEASE, Decided.REDACT):
        with pytest.raises(Refused) as raised:
            decide(bench, request, [ARM], decided)
        assert raised.value.code == "opinion"


# ------------------------------------------------------------------------------------------------- the second person


@pytest.mark.parametrize(
    ("said", "change", "needed"),
    [
        (SAID, {}, False),
        (SAID, {PRIVATE: Decided.REDACT}, True),
        (INSURER, {}, False),
        (INSURER | {"consent": "named"}, {}, True),
        (COURT, {PRIVATE: Decided.RELEASE}, True),
        (COURT, {PRIVATE: Decided.REDACT, ARM: Decided.REDACT}, False),
    ],
    ids=["patient", "kept from patient", "insurer", "insurer agreed", "court gets it", "court does not"],
)
def test_when_a_second_person_has_to_sign(
    bench: DeskBench, said: dict[str, str], change: dict[ItemKey, Decided], needed: bool
) -> None:
    request = bench.gathered(said)
    for key, decided in change.items():
        decide(bench, request, [key], decided)
    bench.settled(request)
    assert bench.view(request).needs_second is needed


def test_a_picture_of_a_child_goes_to_nobody_on_one_persons_word(bench: DeskBench) -> None:
    bench.record.put({**bench.record.read("Patient", AMY), "birthDate": "2014-05-04"})
    request = bench.gathered(INSURER)
    assert request.born is not None
    assert bench.view(request).why_second == ("A picture of somebody under 18 goes to somebody else than the patient.",)


def test_an_earlier_package_is_told(bench: DeskBench) -> None:
    first = bench.gathered()
    bench.signed(bench.settled(first))
    again = bench.gathered(INSURER)
    assert bench.item(again, ARM).sent_before == 1 and bench.item(again, LETTER).sent_before == 0
    assert replace(again, revision=0) != replace(first, revision=0)


def test_what_a_competent_child_confided_is_kept_from_a_parent(bench: DeskBench) -> None:
    bench.record.put({**bench.record.read("Patient", AMY), "birthDate": "2012-05-04"})
    consent = PhotoConsent(
        capture_id=CaptureId("c1"),
        patient=Reference("Patient/amy"),
        recorded_by=Reference("Practitioner/gp"),
        recorded_at=START,
        decisions=(ScopeDecision(ConsentScope.STORE, ConsentAnswer.GIVEN, START),),
        form=ConsentForm.WRITTEN,
        understood=True,
        policy_version="strict/1",
        giver=ConsentGiver(Grantor.COMPETENT_CHILD),
    )
    bench.record.put({**to_consent(consent, images=[Reference(ARM)]), "id": "consent-1"})
    image = KeptImage(HERE, Reference(ARM), AMY, CaptureId("c1"), START, consent=Reference("Consent/consent-1"))
    bench.kept.keep(image)
    parent = SAID | {"requester": "parent-or-proxy", "authority": "covers", "competence": "not-competent"}
    request = bench.gathered(parent)
    assert isinstance(bench.item(request, ARM).decided, Withhold | Redact | Review)
    with pytest.raises(Refused) as raised:
        decide(bench, request, [ARM], Decided.RELEASE)
    assert raised.value.code == "patients-yes"
    own = bench.gathered(SAID | {"competence": "competent"})
    assert isinstance(bench.item(own, ARM).decided, Release), "the child's own request reaches it"
