"""What may be done with an image beyond its care path, and paths that need several people."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from fhir_plugin.policy.choices import OpinionConsent, SecondaryUse, SexualHealthUnder16
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.ruling import Act, May, Ruling
from fhir_plugin.policy.uses import Opinion, Preview, Verdict, preview, second_opinion, secondary_use
from mappings.model.consent import SECONDARY_USES, ChildView, ConsentAnswer, ConsentForm, ConsentScope
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import ChaperoneOutcome, Device, DiscardReason, Identity, Modality, Situation, Wish
from mappings.model.work import WorkKind
from tests.policy import situations as of

STRICT = replace(shipped_pack("strict"), **of.NAMED)
OTHER_USES = {"consent_teaching", "consent_research", "consent_publication", "uses_explained", "uses_form"}
SAID_NO = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)


def ruling(situation: Situation, says: dict[str, Any] | None = None, **changed: Any) -> Ruling:
    return rule(replace(situation, **changed), replace(STRICT, **(says or {})))


def open_ids(situation: Situation, says: dict[str, Any] | None = None, **changed: Any) -> set[str]:
    return {question.id for question in ruling(situation, says, **changed).open}


def test_other_uses_are_explicit_or_they_are_not() -> None:
    """Every answer, form and pack: a recorded no always wins, and silence is no (G-R71, G-R229, X13)."""
    either = (False, True)
    flags = list(itertools.product(either, either, either, either))
    for scope, answer, value, (anonymised, explained, for_care, reconsented) in itertools.product(
        SECONDARY_USES, ConsentAnswer, SecondaryUse, flags
    ):
        verdict = secondary_use(
            scope,
            answer,
            replace(STRICT, secondary_use=value),
            form=ConsentForm.VERBAL,
            anonymised=anonymised,
            explained=explained,
            taken_for_care=for_care,
            reconsented=reconsented,
        )
        if answer in SAID_NO or not reconsented or value is SecondaryUse.NEVER:
            assert verdict.may is May.NO
        elif answer is ConsentAnswer.GIVEN:
            assert verdict.may is May.YES
        else:
            lax = value is SecondaryUse.ANONYMISED_AFTER_EXPLANATION and scope is not ConsentScope.PUBLICATION
            expected = lax and anonymised and explained and for_care
            assert verdict.may is (May.YES if expected else May.NOT_YET)
        _speaks(verdict)


def test_publication_may_have_to_be_in_writing() -> None:
    pack = replace(STRICT, written_for=frozenset({ConsentScope.PUBLICATION}))
    for form, may in ((None, May.NOT_YET), (ConsentForm.VERBAL, May.NOT_YET), (ConsentForm.WRITTEN, May.YES)):
        assert secondary_use(ConsentScope.PUBLICATION, ConsentAnswer.GIVEN, pack, form=form).may is may


@pytest.mark.parametrize("scope", [ConsentScope.STORE, ConsentScope.SECOND_OPINION])
def test_care_is_no_secondary_use(scope: ConsentScope) -> None:
    with pytest.raises(ValueError, match="not a secondary use"):
        secondary_use(scope, ConsentAnswer.GIVEN, STRICT)


def test_a_second_opinion_needs_consent_reason_and_acceptance() -> None:
    asked = Opinion("A rare pattern", ConsentAnswer.GIVEN, accepted=True)
    assert second_opinion(asked, STRICT).may is May.YES
    changes: list[dict[str, Any]] = [
        {"reason": " "},
        {"accepted": False},
        {"anonymised": False},
        {"consent": ConsentAnswer.NOT_ASKED},
    ]
    for change in changes:
        verdict = second_opinion(replace(asked, **change), STRICT)
        assert verdict.may is May.NOT_YET, change
        _speaks(verdict)
    identified = replace(asked, anonymised=False, identified_reason="The face is the finding")
    assert second_opinion(identified, STRICT).may is May.YES
    for pack in (STRICT, replace(STRICT, opinion_consent=OpinionConsent.ASK_AND_RECORD)):
        for answer in SAID_NO:
            assert second_opinion(replace(asked, consent=answer), pack).may is May.NO
        assert second_opinion(replace(asked, reconsented=False), pack).may is May.NO


def _speaks(verdict: Verdict) -> None:
    for reason in verdict.reasons:
        assert reason.text.endswith("."), reason
        assert reason.source, reason


@pytest.mark.parametrize(
    "sensitive",
    [
        of.INTIMATE,
        of.CHILD,
        of.SEVENTEEN,
        of.UNASKED,
        of.FIFTEEN_UNASKED,
        replace(of.ADULT, intimacy=None),
        replace(of.ADULT, intimacy=Intimacy.PRIVATE),
        replace(of.ADULT, private_site=True),
        replace(of.ADULT, private_site=True, intimacy_cleared_reason="The collar bone"),
        replace(of.ADULT, captured_on=None),
        replace(of.ADULT, birth_date=None),
        replace(of.ADULT, arrival=None),
        replace(of.ADULT, requested=False),
    ],
)
def test_nothing_sensitive_is_previewed_whatever_the_pack(sensitive: Situation) -> None:
    from fhir_plugin.policy.choices import AdminPreview

    for value in AdminPreview:
        assert preview(sensitive, replace(STRICT, admin_preview=value)) is Preview.NOTHING


# ---------------------------------------------------------------------- several people


@pytest.mark.parametrize("outcome", [ChaperoneOutcome.DECLINED, ChaperoneOutcome.UNAVAILABLE])
def test_a_chaperone_is_there_on_video_of_somebody_vulnerable(outcome: ChaperoneOutcome) -> None:
    """Raised from weighed to required (G-R90, G-R195, G-R204)."""
    filmed = replace(of.VIDEO, vulnerable=True, speaks_freely=True, concern=False)
    assert "chaperone" in open_ids(filmed)
    without = ruling(filmed, chaperone=outcome, chaperone_reason="Nobody could be found in time")
    assert without.acts[Act.STORE] is May.NO
    assert {reason.code for reason in without.stops} == {"chaperone-required"}
    on_photo = ruling(of.INTIMATE, vulnerable=True, concern=False, chaperone=outcome, chaperone_reason="None in reach")
    assert on_photo.acts[Act.STORE] is May.YES
    says = {"sexual_health": True}
    young = replace(
        of.FIFTEEN_UNASKED,
        modality=Modality.VIDEO,
        exceptional_reason="Lives on an island; the boat goes on Monday",
        chaperone=outcome,
        chaperone_reason="None in reach",
    )
    assert "sexual-health-blocked" in {reason.code for reason in ruling(young, says).stops} or (
        "chaperone-required" in {reason.code for reason in ruling(young, says).stops}
    )


def test_unasked_and_without_capacity_safeguarding_cannot_be_skipped() -> None:
    unasked = replace(
        of.NO_CAPACITY,
        requested=False,
        arrival=Arrival.UNASKED,
        photographer=Photographer.FAMILY_CARER,
        contact=of.UNASKED.contact,
        contact_words=of.UNASKED.contact_words,
        helper_agreed=True,
        helper_burden="Does it every day, nobody minds",
    )
    assert open_ids(unasked) == {"concern", "speaks_freely"}
    done = ruling(unasked, concern=False, speaks_freely=True)
    assert done.acts[Act.STORE] is May.YES


def test_a_child_who_asked_alone_needs_best_interests() -> None:
    """And nothing goes to a parent (G-R97, G-R98)."""
    alone = ruling(of.COMPETENT, child_asked_for_care=True)
    assert {each.id for each in alone.open} == {"best_interests"}
    assert "child-confidence" in {reason.code for reason in alone.warnings}


def test_an_intimate_image_by_a_helper_needs_its_burden_weighed() -> None:
    helped = replace(of.INTIMATE, photographer=Photographer.FAMILY_CARER, helper_agreed=True)
    assert open_ids(helped) == {"helper_burden"}
    assert "carer" in ruling(helped).flags


def test_what_is_left_on_a_device_is_on_the_list() -> None:
    kept = ruling(of.TAKEN_NOW, device=Device.PERSONAL)
    assert [due.kind for due in kept.work] == [WorkKind.SOURCE]
    assert ruling(of.TAKEN_NOW).work == ()


def test_care_workers_only_by_agreement() -> None:
    from fhir_plugin.policy.choices import CareworkerCapture

    agreed: dict[str, Any] = {"careworker_capture": CareworkerCapture.PER_PROVIDER_AGREEMENT}
    assert ruling(of.CARE_WORKER).acts[Act.STORE] is May.NO
    assert ruling(of.CARE_WORKER, agreed).acts[Act.STORE] is May.YES
    for name in (
        "provider_agreement",
        "provider_exceptional",
        "provider_trained",
        "helper_burden",
        "helper_agreed",
        "device",
    ):
        assert open_ids(of.without(of.CARE_WORKER, name), agreed) == {name}
    assert ruling(of.CARE_WORKER, agreed, provider_trained=False).acts[Act.STORE] is May.NO
    assert ruling(of.CARE_WORKER, agreed, device=Device.PERSONAL).acts[Act.DESCRIBE] is May.NO
    private = {
        each: getattr(of.INTIMATE, each)
        for each in Situation.__dataclass_fields__
        if getattr(of.INTIMATE, each) != getattr(of.ADULT, each)
    }
    assert open_ids(of.CARE_WORKER, agreed, **private) == {"less_restrictive"}


# ---------------------------------------------------------------------- the organisation's own words


def told(situation: Situation, code: str, **wording: str) -> str:
    pack = replace(STRICT, wording=replace(STRICT.wording, **wording))
    (found,) = [each for each in rule(situation, pack).warnings if each.code == code]
    return f"{found.text} {found.action}".strip()


def test_what_to_say_to_others_is_said_where_it_is_needed() -> None:
    from fhir_plugin.policy.choices import CareworkerCapture, EmailChannel

    words = "Say this, as we agreed."
    assert told(of.INTIMATE, "tell-chaperone", chaperone_role=words) == words
    pack = replace(
        STRICT,
        careworker_capture=CareworkerCapture.PER_PROVIDER_AGREEMENT,
        email_channel=EmailChannel.ALLOWED,
        wording=replace(STRICT.wording, careworker=words, email_warning=words, email_identifiers="Only the number."),
    )
    assert words in {each.text for each in rule(of.CARE_WORKER, pack).warnings}
    (email,) = [each for each in rule(of.EMAILED, pack).warnings if each.code == "email-not-secure"]
    assert email.action.endswith(f"{words} Only the number.")


def test_lead_and_pathway_are_named_where_advice_is_taken() -> None:
    worried = replace(of.ADULT, concern=True)
    assert "Synthetic Lead, extension 12." in told(
        worried, "safeguarding-lead", safeguarding_lead="Synthetic Lead, extension 12"
    )
    assert "not named" in told(worried, "safeguarding-lead", safeguarding_lead="")
    assert "Ring the hub." in told(worried, "concern", safeguarding_pathway="Ring the hub.")
    assert "Follow the safeguarding pathway." in told(worried, "concern", safeguarding_pathway="")
    assert not [each for each in ruling(of.ADULT).warnings if each.code == "safeguarding-lead"]


def test_a_useless_picture_beyond_its_request_may_go_without_a_call() -> None:
    """It was seen; only what came wholly unasked, and unseen, waits for the call (G-R270)."""
    beyond = replace(of.INTIMATE, preauthorised_private=False, wish=Wish.DISCARD, discard_reason=DiscardReason.UNUSABLE)
    assert ruling(beyond).acts[Act.DISCARD] is May.YES
    assert ruling(beyond, patient_says_private=True).acts[Act.DISCARD] is May.NOT_YET


WARNINGS: list[tuple[str, Situation, dict[str, Any]]] = [
    ("empty-mailbox", of.EMAILED, {}),
    ("identity-not-confirmed", of.ADULT, {"identity": Identity.NOT_POSSIBLE}),
    ("not-cropped", of.ADULT, {"only_area": False}),
    ("no-birth-date", of.CHILD, {"birth_date": None}),
    ("parents-not-discussed", of.COMPETENT, {"parents_discussed": False}),
    ("unknown-day", of.ADULT, {"captured_on": None}),
    ("child-intimate", of.CHILD_INTIMATE, {}),
    ("child-objects", of.CHILD, {"child_view": ChildView.OBJECTS}),
    ("describe-by-default", of.INTIMATE, {}),
    ("no-chaperone", of.INTIMATE, {"chaperone": ChaperoneOutcome.DECLINED}),
    ("not-free", of.INTIMATE, {"speaks_freely": False}),
    ("urgent", of.CHILD_INTIMATE, {"second_person": None, "urgent_reason": "Night, nobody else, it cannot wait"}),
]


@pytest.mark.parametrize(("code", "situation", "changed"), WARNINGS)
def test_what_is_worth_saying_is_said(code: str, situation: Situation, changed: dict[str, Any]) -> None:
    assert code in {each.code for each in ruling(situation, **changed).warnings}
    assert code not in {each.code for each in ruling(of.TAKEN_NOW).warnings}


def test_what_may_be_said_is_offered_and_waited_for_by_nothing() -> None:
    offered = {each.id for each in ruling(of.ADULT).questions if not each.needed_for}
    assert offered == {"patient_says_private", "only_area", "note_elsewhere", "capacity_doubt", "concern", *OTHER_USES}
    filmed = {each.id for each in ruling(of.VIDEO).questions if not each.needed_for}
    assert "sound_reason" in filmed
    private = {each.id for each in ruling(of.INTIMATE).questions if not each.needed_for}
    assert {"sexual_health", "vulnerable"} <= private


def test_a_discard_needs_its_reason() -> None:
    useless = replace(of.ADULT, wish=Wish.DISCARD)
    assert open_ids(useless) == {"discard_reason"}
    assert open_ids(useless, discard_reason=DiscardReason.SENT_IN_ERROR) == set()


@pytest.mark.parametrize("scope", ["consent_receive", "consent_store"])
def test_whoever_says_no_is_offered_another_way(scope: str) -> None:
    """On any refusal (G-R77); what is useless anyway needs its own reason only."""
    refused: dict[str, Any] = {scope: ConsentAnswer.REFUSED, "wish": Wish.DISCARD}
    assert open_ids(of.ADULT, **refused, discard_reason=DiscardReason.NOT_NEEDED) == {"alternative_offered"}
    assert open_ids(of.ADULT, **refused, discard_reason=DiscardReason.DUPLICATE) == set()


def test_a_pack_may_ask_that_the_other_way_is_in_person() -> None:
    from fhir_plugin.policy.choices import OnStoreRefusal

    refused = replace(of.ADULT, consent_store=ConsentAnswer.REFUSED, wish=Wish.DESCRIBE)
    for value in OnStoreRefusal:
        asked = ruling(refused, {"on_store_refusal": value}).questions
        (why,) = [each.why for each in asked if each.id == "alternative_offered"]
        assert ("in person" in why) is (value is OnStoreRefusal.REQUIRE_F2F_OFFER)


def test_who_is_not_asked_is_told_that_a_record_is_kept() -> None:
    """X1, G-R17: inform and heed an objection; being told is an event of its own."""
    informing = shipped_pack("gp-inform-only")
    untold = replace(
        of.ADULT,
        consent_receive=ConsentAnswer.NOT_ASKED,
        consent_store=ConsentAnswer.NOT_ASKED,
        consent_form=None,
        understood=None,
    )
    assert [each.id for each in rule(untold, informing).open] == ["understood"]
    assert [each.id for each in rule(replace(untold, understood=False), informing).open] == ["understood"]
    assert rule(replace(untold, understood=True), informing).acts[Act.STORE] is May.YES


def test_what_can_wait_and_what_is_exceptional_is_asked_about() -> None:
    """G-R53: another way first. G-R50, X25: only exceptionally, with a reason and a second clinician."""
    assert open_ids(of.INTIMATE, can_wait=True) == {"alternative_offered"}
    sexual = replace(of.INTIMATE, sexual_health=True, vulnerable=True, concern=False)
    says: dict[str, Any] = {"sexual_health_under_16": SexualHealthUnder16.EXCEPTIONAL_WITH_SECOND_CLINICIAN}
    assert open_ids(sexual, says, second_person=True) == {"exceptional_reason"}
