"""Every place where the guidance disagrees: each key and each value with a case that passes and one that is refused."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from importlib.resources import files
from typing import Any

import pytest

from fhir_plugin.policy import choices
from fhir_plugin.policy.choices import (
    AdminPreview,
    CareworkerCapture,
    Crop,
    DeleteCosign,
    EmailChannel,
    IntimateDefault,
    KeepOriginal,
    LabelHides,
    LacksCapacityRoute,
    OnStoreRefusal,
    OpinionConsent,
    ParentalOverride,
    ParentContact,
    PersonalDevice,
    ReceiveConsent,
    RemoteChaperone,
    SecondaryUse,
    SexualHealthUnder16,
    StoreConsent,
    StoreDefault,
    UnsolicitedOrdinary,
)
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import PolicyPack, UnusablePack, parse_pack, shipped_pack
from fhir_plugin.policy.ruling import Act, May
from fhir_plugin.policy.uses import (
    Deletion,
    Opinion,
    Preview,
    permanent_deletion,
    preview,
    second_opinion,
    secondary_use,
    tell_parents,
)
from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope
from mappings.model.identifiers import Reference
from mappings.model.images import Arrival
from mappings.model.people import Role
from mappings.model.situation import (
    ChaperoneOutcome,
    ContactOutcome,
    Device,
    ImageKind,
    Modality,
    Situation,
    Wish,
)
from tests.policy import situations as of

STRICT = replace(shipped_pack("strict"), **of.NAMED)
Try = Callable[[PolicyPack], bool]


def does(situation: Situation, act: Act = Act.STORE, **changed: Any) -> Try:
    return lambda pack: rule(replace(situation, **changed), pack).acts[act] is May.YES


def asks(situation: Situation, question: str, act: Act, **changed: Any) -> Try:
    """Passes where `question` is not needed for `act`."""
    return lambda pack: (
        not any(
            each.id == question and act in each.needed_for
            for each in rule(replace(situation, **changed), pack).questions
        )
    )


NOT_ASKED, REFUSED = ConsentAnswer.NOT_ASKED, ConsentAnswer.REFUSED
UNTOLD: dict[str, Any] = {"consent_store": NOT_ASKED}
REFUSING = replace(of.ADULT, consent_store=REFUSED, wish=Wish.DESCRIBE, alternative_offered="Seen here tomorrow")
OWN_PHONE = replace(of.TAKEN_NOW, device=Device.PERSONAL)
SEXUAL = replace(
    of.FIFTEEN_UNASKED, sexual_health=True, exceptional_reason="Lives on an island; the boat goes on Monday"
)
UNASKED_ORDINARY = replace(of.UNASKED, contact=None, contact_words="", lacks_capacity=None)
ASKER, GUARDIAN, SENIOR = Reference("Practitioner/a"), Reference("Practitioner/g"), Reference("Practitioner/s")
APPROVED = Deletion(ASKER, GUARDIAN, frozenset({Role.CALDICOTT_GUARDIAN}))
OPINION = Opinion("A rare pattern", ConsentAnswer.GIVEN, accepted=True)


def opens(opinion: Opinion) -> Try:
    return lambda pack: second_opinion(opinion, pack).may is May.YES


def deletes(deletion: Deletion) -> Try:
    return lambda pack: permanent_deletion(deletion, pack).may is May.YES


def uses(answer: ConsentAnswer, scope: ConsentScope = ConsentScope.TEACHING, **more: Any) -> Try:
    return lambda pack: secondary_use(scope, answer, pack, **more).may is May.YES


def sees(expected: Preview, situation: Situation) -> Try:
    return lambda pack: preview(situation, pack) is expected


EXPLAINED: dict[str, Any] = {"anonymised": True, "explained": True}

# For each value: (the value, X number, field of the pack, what passes, what is refused).
TABLE: list[tuple[StrEnum, str, str, Try, Try]] = [
    (StoreConsent.REQUIRED, "X1", "store_consent", does(of.ADULT), does(of.ADULT, **UNTOLD)),
    (
        StoreConsent.INFORM_AND_OBJECTION,
        "X1",
        "store_consent",
        does(of.ADULT, **UNTOLD),
        does(of.INTIMATE, **UNTOLD),
    ),
    (ReceiveConsent.REQUIRED, "X2", "receive_consent", does(of.ADULT), does(of.ADULT, consent_receive=NOT_ASKED)),
    (
        ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST,
        "X2",
        "receive_consent",
        does(of.ADULT, consent_receive=NOT_ASKED),
        does(of.UNASKED, consent_receive=NOT_ASKED),
    ),
    (
        OnStoreRefusal.PROMPT_RECONSIDER_THEN_ALLOW,
        "X3",
        "on_store_refusal",
        does(REFUSING, Act.DESCRIBE, reconsidered="Plain enough in words"),
        does(REFUSING, Act.DESCRIBE),
    ),
    (
        OnStoreRefusal.REQUIRE_F2F_OFFER,
        "X3",
        "on_store_refusal",
        does(REFUSING, Act.DESCRIBE),
        does(REFUSING, Act.DESCRIBE, alternative_offered=""),
    ),
    (
        OnStoreRefusal.CONTINUE,
        "X3",
        "on_store_refusal",
        does(REFUSING, Act.DESCRIBE),
        does(REFUSING, Act.STORE),
    ),
    (
        IntimateDefault.DESCRIBE_AND_DISCARD,
        "X4",
        "intimate_default",
        does(of.INTIMATE, Act.DESCRIBE, store_justification=""),
        does(of.INTIMATE, store_justification=""),
    ),
    (
        IntimateDefault.UNDECIDED,
        "X4",
        "intimate_default",
        does(of.INTIMATE),
        does(of.INTIMATE, store_justification=""),
    ),
    (
        IntimateDefault.NO_REMOTE_INTIMATE,
        "X4",
        "intimate_default",
        does(
            of.INTIMATE,
            arrival=Arrival.TAKEN_NOW,
            requested=False,
            photographer=of.TAKEN_NOW.photographer,
            device=Device.ORGANISATION,
        ),
        does(of.INTIMATE, Act.DESCRIBE),
    ),
    (DeleteCosign.NONE, "X5", "delete_cosign", deletes(APPROVED), deletes(replace(APPROVED, approved_by=ASKER))),
    (
        DeleteCosign.SENIOR_CLINICIAN,
        "X5",
        "delete_cosign",
        deletes(replace(APPROVED, cosigned_by=SENIOR)),
        deletes(replace(APPROVED, cosigned_by=GUARDIAN)),
    ),
    (EmailChannel.OFF, "X6", "email_channel", does(of.ADULT), does(of.EMAILED)),
    (
        EmailChannel.FALLBACK_WITH_WARNING,
        "X6",
        "email_channel",
        does(of.EMAILED),
        does(of.EMAILED, email_reason=""),
    ),
    (
        EmailChannel.ALLOWED,
        "X6",
        "email_channel",
        does(of.EMAILED, email_reason=""),
        does(of.EMAILED, mailbox="elsewhere"),
    ),
    (AdminPreview.NONE, "X7", "admin_preview", sees(Preview.NOTHING, of.ADULT), sees(Preview.WHOLE, of.ADULT)),
    (AdminPreview.BLURRED, "X7", "admin_preview", sees(Preview.BLURRED, of.ADULT), sees(Preview.BLURRED, of.INTIMATE)),
    (
        AdminPreview.NON_SENSITIVE_ONLY,
        "X7",
        "admin_preview",
        sees(Preview.WHOLE, of.ADULT),
        sees(Preview.WHOLE, of.CHILD),
    ),
    (PersonalDevice.FORBIDDEN, "X8", "personal_device", does(of.TAKEN_NOW), does(OWN_PHONE)),
    (
        PersonalDevice.NON_INTIMATE_VIEW_ONLY,
        "X8",
        "personal_device",
        does(OWN_PHONE, Act.DESCRIBE),
        does(OWN_PHONE),
    ),
    (
        PersonalDevice.VIDEO_ONLY_EMERGENCY,
        "X8",
        "personal_device",
        lambda pack: does(of.VIDEO, device=Device.PERSONAL)(replace(pack, emergency_mode=True)),
        does(of.VIDEO, device=Device.PERSONAL),
    ),
    (
        LacksCapacityRoute.MCA_BEST_INTERESTS,
        "X9",
        "lacks_capacity_route",
        does(of.NO_CAPACITY),
        does(of.NO_CAPACITY, authority=None),
    ),
    (
        LacksCapacityRoute.AUTHORITY_REQUIRED,
        "X9",
        "lacks_capacity_route",
        does(of.WITH_ATTORNEY),
        does(of.NO_CAPACITY),
    ),
    (
        ParentalOverride.ALLOWED_WITH_REASON_AND_SECOND_PERSON,
        "X10",
        "parental_override",
        does(of.WITHOUT_PARENTS),
        does(of.WITHOUT_PARENTS, second_person=None),
    ),
    (ParentalOverride.NEVER, "X10", "parental_override", does(of.CHILD), does(of.WITHOUT_PARENTS)),
    (
        SecondaryUse.EXPLICIT_ONLY,
        "X13",
        "secondary_use",
        uses(ConsentAnswer.GIVEN),
        uses(NOT_ASKED, **EXPLAINED),
    ),
    (
        SecondaryUse.ANONYMISED_AFTER_EXPLANATION,
        "X13",
        "secondary_use",
        uses(NOT_ASKED, **EXPLAINED),
        uses(REFUSED, **EXPLAINED),
    ),
    (SecondaryUse.NEVER, "X13", "secondary_use", does(of.ADULT), uses(ConsentAnswer.GIVEN)),
    (
        UnsolicitedOrdinary.CONFIRM,
        "X14",
        "unsolicited_ordinary",
        does(of.UNASKED),
        does(UNASKED_ORDINARY, Act.REVEAL),
    ),
    (
        UnsolicitedOrdinary.IMPLIED_OK,
        "X14",
        "unsolicited_ordinary",
        does(UNASKED_ORDINARY, Act.REVEAL),
        does(of.FIFTEEN_UNASKED, Act.REVEAL, contact=None),
    ),
    (OpinionConsent.REQUIRED, "X18", "opinion_consent", opens(OPINION), opens(replace(OPINION, consent=NOT_ASKED))),
    (
        OpinionConsent.ASK_AND_RECORD,
        "X18",
        "opinion_consent",
        opens(replace(OPINION, consent=NOT_ASKED)),
        opens(replace(OPINION, accepted=False)),
    ),
    (
        RemoteChaperone.ALLOWED,
        "X19",
        "remote_chaperone",
        does(of.INTIMATE),
        does(of.INTIMATE, chaperone=ChaperoneOutcome.NOT_OFFERED),
    ),
    (
        RemoteChaperone.F2F_ONLY,
        "X19",
        "remote_chaperone",
        does(of.INTIMATE, chaperone_reason="Nobody can come; it is plain to see and short"),
        does(of.INTIMATE),
    ),
    (StoreDefault.UNDECIDED, "X20", "store_default", does(of.ADULT), does(of.ADULT, wish=None)),
    (
        ParentContact.NEVER_AUTO,
        "X21",
        "parent_contact",
        does(of.COMPETENT),
        lambda pack: tell_parents(pack, child_agrees=True).may is May.YES,
    ),
    (
        ParentContact.ASK_CHILD,
        "X21",
        "parent_contact",
        lambda pack: tell_parents(pack, child_agrees=True).may is May.YES,
        lambda pack: tell_parents(pack, child_agrees=None).may is May.YES,
    ),
    (
        LabelHides.PIXELS_ONLY,
        "X22",
        "label_hides",
        sees(Preview.NOTHING, of.INTIMATE),
        sees(Preview.WHOLE, of.INTIMATE),
    ),
    (Crop.PROMPT, "X23", "crop", does(of.ADULT, only_area=False), does(of.INTIMATE, only_area=None)),
    (
        Crop.REQUIRED_OR_REASON,
        "X23",
        "crop",
        does(of.ADULT, only_area=False, uncropped_reason="The edge would be lost"),
        does(of.ADULT, only_area=False),
    ),
    (KeepOriginal.NO, "X23", "keep_original", does(of.ADULT), does(of.ADULT, face_to_face=False)),
    (KeepOriginal.AUDIT_VAULT, "X23", "keep_original", does(of.ADULT), does(of.ADULT, consent_store=REFUSED)),
    (CareworkerCapture.OFF, "X24", "careworker_capture", does(of.ADULT), does(of.CARE_WORKER)),
    (
        CareworkerCapture.PER_PROVIDER_AGREEMENT,
        "X24",
        "careworker_capture",
        does(of.CARE_WORKER),
        does(of.CARE_WORKER, device=Device.PERSONAL),
    ),
    (SexualHealthUnder16.BLOCKED, "X25", "sexual_health_under_16", does(of.FIFTEEN_UNASKED), does(SEXUAL)),
    (
        SexualHealthUnder16.EXCEPTIONAL_WITH_SECOND_CLINICIAN,
        "X25",
        "sexual_health_under_16",
        does(SEXUAL),
        does(SEXUAL, second_person=None),
    ),
]


def test_every_value_of_every_choice_has_a_row() -> None:
    kinds: list[type[StrEnum]] = [
        each
        for _, each in inspect.getmembers(choices, inspect.isclass)
        if issubclass(each, StrEnum) and each.__module__ == choices.__name__
    ]
    assert kinds
    every = {(kind.__name__, value.name) for kind in kinds for value in kind}
    assert every == {(type(value).__name__, value.name) for value, *_ in TABLE}
    assert len(every) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row[0]).__name__}.{row[0]}")
def test_one_case_passes_and_one_is_refused(row: tuple[StrEnum, str, str, Try, Try]) -> None:
    value, _, field, passes, refused = row
    says: dict[str, Any] = {field: value}
    pack = replace(STRICT, **says)
    assert passes(pack)
    assert not refused(pack)


SHIPPED = (files("fhir_plugin.policy") / "packs" / "strict.toml").read_text("utf-8")


def loads(key: str, line: str, instead: str) -> Try:
    """Whether the strict pack loads with one line written differently."""

    def attempt(_pack: PolicyPack) -> bool:
        assert line in SHIPPED, key
        try:
            parse_pack(SHIPPED.replace(line, instead, 1))
        except UnusablePack:
            return False
        return True

    return attempt


XRAY = replace(
    of.TAKEN_NOW,
    consent_receive=NOT_ASKED,
    consent_store=NOT_ASKED,
    image_kind=ImageKind.X_RAY,
    exempt_procedure="X-ray of the hand, today",
)
WRITTEN: dict[str, Any] = {"written_for": frozenset({ConsentScope.STORE})}
EXEMPT: dict[str, Any] = {"exempt_types": frozenset({"ultrasound", "x-ray"})}

# What is not a choice of a few values: (X number, what the pack says, what passes, what is refused).
OTHERS: list[tuple[str, dict[str, Any], Try, Try]] = [
    ("X11", {}, does(of.ADULT), does(of.ADULT, private_site=True)),
    ("X11", {}, does(of.ADULT), does(of.ADULT, patient_says_private=True)),
    ("X12", {}, does(of.ADULT), does(of.ADULT, birth_date=of.born(17))),
    ("X12", {}, does(of.SEVENTEEN), does(of.SEVENTEEN, birth_date=of.born(15))),
    ("X12", {"age_child_image": 21}, does(of.ADULT), does(of.ADULT, birth_date=of.born(20))),
    ("X15", WRITTEN, does(of.ADULT, consent_form=ConsentForm.WRITTEN), does(of.ADULT)),
    ("X15", {}, does(of.ADULT), does(of.ADULT, consent_form=None)),
    ("X16", EXEMPT, does(XRAY), does(XRAY, image_kind=ImageKind.ENDOSCOPY)),
    ("X16", EXEMPT, does(of.VIDEO), does(of.VIDEO, consent_store=NOT_ASKED)),
    ("X26", {"review_by": dt.date(2020, 1, 1)}, does(of.ADULT), does(of.ADULT, record_changed=True)),
]


@pytest.mark.parametrize(("number", "says", "passes", "refused"), OTHERS)
def test_what_is_not_a_choice(number: str, says: dict[str, Any], passes: Try, refused: Try) -> None:
    pack = replace(STRICT, **says)
    assert passes(pack), number
    assert not refused(pack), number


def test_a_retention_text_is_required_or_the_pack_does_not_load() -> None:
    """X17, X26: what a pack must say before it is in force is refused when it loads."""
    assert loads("pack", "", "")(STRICT)
    assert not loads("retention.text_required", "[[retention.classes]]", "[[retention.other]]")(STRICT)
    assert not loads("pack.review_by", "review_by =", "reviewed_by =")(STRICT)


def test_every_disagreement_is_shown_somewhere() -> None:
    shown = {number for _, number, *_ in TABLE} | {number for number, *_ in OTHERS} | {"X17"}
    assert shown == {f"X{number}" for number in range(1, 27)}


def test_a_pack_past_its_review_stays_in_force_and_says_so_on_every_decision() -> None:
    old = replace(STRICT, review_by=of.TODAY - dt.timedelta(days=1))
    decided = rule(of.ADULT, old)
    assert decided.acts[Act.STORE] is May.YES
    assert any(warning.source == "X26" for warning in decided.warnings)
    assert not any(warning.source == "X26" for warning in rule(of.ADULT, STRICT).warnings)


def test_a_search_for_authority_and_the_childs_view_are_asked_under_every_pack() -> None:
    """Floors of X9 and X10."""
    for name in ("strict", "gp-inform-only", "nhs-intimate-2020"):
        pack = shipped_pack(name)
        assert not asks(of.NO_CAPACITY, "authority", Act.STORE)(pack)
        assert not asks(of.CHILD, "child_view", Act.STORE)(pack)
        assert not does(of.NO_CAPACITY, authority=None)(pack)


def test_a_private_image_never_stays_on_somebodys_own_device() -> None:
    for value in PersonalDevice:
        for emergency in (False, True):
            pack = replace(STRICT, personal_device=value, emergency_mode=emergency)
            private = replace(
                of.INTIMATE,
                arrival=Arrival.TAKEN_NOW,
                requested=False,
                photographer=of.TAKEN_NOW.photographer,
                device=Device.PERSONAL,
                modality=Modality.VIDEO,
            )
            acts = rule(private, pack).acts
            assert {acts[Act.REVEAL], acts[Act.STORE], acts[Act.DESCRIBE]} == {May.NO}


def test_unasked_stays_shut_without_contact_whatever_the_pack() -> None:
    for value in UnsolicitedOrdinary:
        pack = replace(STRICT, unsolicited_ordinary=value)
        for contact in (None, ContactOutcome.NOT_REACHED):
            assert not does(of.FIFTEEN_UNASKED, Act.REVEAL, contact=contact)(pack)
