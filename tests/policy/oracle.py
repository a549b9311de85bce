"""What the guidance asks for before an intimate or under-18 image may be filed or described, written from its text.

It shares nothing with the engine but the situation and the pack's values: it knows no rules, questions or cases.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from fhir_plugin.policy.choices import (
    IntimateDefault,
    LacksCapacityRoute,
    ParentalOverride,
    ReceiveConsent,
    RemoteChaperone,
    SexualHealthUnder16,
    UnsolicitedOrdinary,
)
from fhir_plugin.policy.contents import PolicyPack
from mappings.model.consent import ChildView, ConsentAnswer, Grantor
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import Authority, ChaperoneOutcome, ContactOutcome, Modality, Situation

NO = (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)
PARENTS = (Grantor.PARENT, Grantor.DELEGATED, Grantor.GUARDIAN, Grantor.COURT_ORDER)


def younger(birth: dt.date | None, day: dt.date | None, years: int) -> bool:
    """Whether the birthday still lies ahead on `day`; unknown counts as younger (004:600, 000:38)."""
    if birth is None or day is None:
        return True
    try:
        birthday = birth.replace(year=birth.year + years)
    except ValueError:
        birthday = dt.date(birth.year + years, 3, 1)
    return day < birthday


def is_intimate(s: Situation) -> bool:
    """000:36, 004:31-35: the place, the patient or the clinician says so; it comes off only with a reason."""
    if s.intimacy in (Intimacy.INTIMATE, Intimacy.PRIVATE):
        return True
    taken_off = s.intimacy is Intimacy.NO and s.intimacy_cleared_reason.strip() != ""
    return (s.private_site or s.patient_says_private or s.said_intimate_before) and not taken_off


def is_childs(s: Situation) -> bool:
    return younger(s.birth_date, s.captured_on, 18)


def lacking(s: Situation, pack: PolicyPack, *, filing: bool) -> list[str]:
    """Which required decisions are not there. Empty: it may be filed (or described)."""
    return [*_decided(s, pack, filing=filing), *_child(s, pack, filing=filing), *_private(s, pack, filing=filing)]


def _seconded(s: Situation) -> bool:
    return s.second_person is True or (s.second_person is None and len(s.urgent_reason.strip()) > 9)


def _decided(s: Situation, pack: PolicyPack, *, filing: bool) -> Iterator[str]:
    """Who decided, by what right, and that they said yes (004:183-185, 271-341; 000:24-26; 003:28)."""
    if s.consent_receive in NO or (filing and s.consent_store in NO):
        yield "somebody said no"
    under_16, under_18 = younger(s.birth_date, s.today, 16), younger(s.birth_date, s.today, 18)
    lacks = not under_16 and s.lacks_capacity is True
    best_interests = False
    if under_16:
        if s.gillick is True and s.child_view is not ChildView.TOO_YOUNG:
            if not s.gillick_words:
                yield "no Gillick assessment"
            if s.giver not in (None, Grantor.COMPETENT_CHILD):
                yield "a competent child decides"
        elif s.gillick is None and s.child_view is not ChildView.TOO_YOUNG:
            yield "Gillick competence was not considered"
        elif s.giver is Grantor.BEST_INTERESTS:
            best_interests = True
            yield from _without_a_parent(s, pack)
        elif s.giver not in PARENTS or not s.giver_name:
            yield "nobody with parental responsibility"
    elif lacks:
        if not s.best_interests or not s.less_restrictive or not s.capacity_words:
            yield "no best-interests decision"
        if under_18:
            if s.giver is Grantor.BEST_INTERESTS:
                best_interests = True
                yield from _without_a_parent(s, pack)
            elif s.giver not in PARENTS or not s.giver_name:
                yield "no parent's agreement"
        elif s.authority is None:
            yield "nobody looked for an attorney or deputy"
        elif s.authority is not Authority.NONE_KNOWN and s.authority_covers is not False:
            if s.authority_covers is None or s.authority_answer is not ConsentAnswer.GIVEN or not s.authority_evidence:
                yield "the attorney or deputy has not agreed"
        else:
            best_interests = True
            if pack.lacks_capacity_route is LacksCapacityRoute.AUTHORITY_REQUIRED:
                yield "the policy wants somebody with authority"
    elif s.lacks_capacity is None and (s.capacity_doubt or (_unasked(s) and not _ordinary_unasked(s, pack))):
        yield "capacity was doubted, or had to be confirmed, and was not assessed"
    elif s.giver not in (None, Grantor.PATIENT):
        yield "a capable person decides for themselves"
    if best_interests:
        return
    asked_for = s.requested and (s.preauthorised_private or not is_intimate(s))
    implied = pack.receive_consent is ReceiveConsent.IMPLIED_BY_REPLY_TO_REQUEST and asked_for
    if s.consent_receive is not ConsentAnswer.GIVEN and not implied and not _ordinary_unasked(s, pack):
        yield "no consent to receive"
    if _unasked(s) and not _ordinary_unasked(s, pack) and s.consent_view is not ConsentAnswer.GIVEN:
        yield "nobody agreed to its being looked at"
    if filing and s.consent_store is not ConsentAnswer.GIVEN:
        yield "no consent to store"


def _without_a_parent(s: Situation, pack: PolicyPack) -> Iterator[str]:
    """004:303-306: unless it is not in the child's best interest; X10: a reason and a second person."""
    if pack.parental_override is ParentalOverride.NEVER:
        yield "the policy never goes on without a parent"
    if not s.override_reason or not s.best_interests or not s.safeguarding_advice or not _seconded(s):
        yield "going on without a parent is not justified"


def _child(s: Situation, pack: PolicyPack, *, filing: bool) -> Iterator[str]:
    """004:308-326, 004:600-622, 002:35."""
    under_16 = younger(s.birth_date, s.today, 16)
    if younger(s.birth_date, s.today, 18):
        if s.child_view in (None, ChildView.NOT_ASKED):
            yield "the child's view was not asked"
        if s.child_view is ChildView.OBJECTS:
            own = s.gillick is True if under_16 else s.lacks_capacity is not True
            if own or pack.parental_override is ParentalOverride.NEVER or not s.override_reason or not _seconded(s):
                yield "the child said no"
    if not is_childs(s):
        return
    if filing and not s.keep_best_interests:
        yield "keeping was not decided apart from taking"
    if s.photographer is None:
        yield "nobody said who took it"
    if is_intimate(s):
        if not s.legitimate_reason:
            yield "no legitimate reason"
        if filing and not _seconded(s):
            yield "nobody else agreed to keeping it"


def _unasked(s: Situation) -> bool:
    """000:19, 004:65-66, 004:271-275: nobody asked for it, or for nothing private."""
    return s.arrival is Arrival.UNASKED or (s.requested and is_intimate(s) and not s.preauthorised_private)


def _ordinary_unasked(s: Situation, pack: PolicyPack) -> bool:
    """002:33: implied only where it is not intimate and would have been taken face to face (X14)."""
    return (
        s.arrival is Arrival.UNASKED
        and pack.unsolicited_ordinary is UnsolicitedOrdinary.IMPLIED_OK
        and s.intimacy is Intimacy.NO
        and not is_intimate(s)
        and s.face_to_face is True
    )


def _private(s: Situation, pack: PolicyPack, *, filing: bool) -> Iterator[str]:
    """004:126-170, 187-192, 271-275, 343-347, 536-557; 001:11."""
    if s.intimacy is None:
        yield "nobody said whether it is intimate"
    reached = s.contact is ContactOutcome.REACHED and s.contact_words
    if _unasked(s) and not reached and not _ordinary_unasked(s, pack):
        yield "the sender was not reached"
    from_afar = not (s.arrival is Arrival.TAKEN_NOW and s.photographer is Photographer.CLINICIAN)
    fragile = younger(s.birth_date, s.today, 16) or s.vulnerable
    if from_afar and s.sexual_health and fragile and (is_intimate(s) or s.intimacy is None):
        if pack.sexual_health_under_16 is SexualHealthUnder16.BLOCKED or not s.exceptional_reason or not _seconded(s):
            yield "sexual health under 16 or vulnerable is exceptional"
        if s.modality is Modality.VIDEO and s.chaperone is not ChaperoneOutcome.PRESENT:
            yield "a chaperone must be there"
    if not is_intimate(s):
        return
    if filing and not s.store_justification:
        yield "no justification for keeping it"
    if from_afar:
        if pack.intimate_default is IntimateDefault.NO_REMOTE_INTIMATE:
            yield "the policy forbids it from afar"
        if s.intimate_necessary is not True:
            yield "not necessary"
    yield from _chaperone(s, pack, from_afar=from_afar)


def _chaperone(s: Situation, pack: PolicyPack, *, from_afar: bool) -> Iterator[str]:
    facts = (
        s.chaperone_name,
        s.chaperone_designation,
        s.chaperone_extent,
        s.chaperone_with_clinician,
        s.chaperone_with_patient,
    )
    match s.chaperone:
        case ChaperoneOutcome.PRESENT:
            if not all(facts) or s.chaperone_family is not False or s.chaperone_trained is not True:
                yield "no proper chaperone"
            if from_afar and pack.remote_chaperone is RemoteChaperone.F2F_ONLY and not s.chaperone_reason:
                yield "a chaperone on a screen does not count"
        case ChaperoneOutcome.DECLINED | ChaperoneOutcome.UNAVAILABLE:
            if not s.chaperone_reason:
                yield "going on without a chaperone was not weighed"
        case _:
            yield "no chaperone was offered"
