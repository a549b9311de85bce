"""What an image that is already in the record may still be used for, and who may take consent back."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.contents import PolicyPack
from fhir_plugin.policy.jurisdiction import Law
from fhir_plugin.policy.review_days import birthday
from fhir_plugin.policy.ruling import Reason
from mappings.model.consent import (
    SECONDARY_USES,
    ConsentAnswer,
    ConsentScope,
    Grantor,
    PhotoConsent,
    ScopeDecision,
)
from mappings.model.kept import THEMSELVES, KeptImage, OwnConsent
from mappings.model.people import Patient

SHUT_UNTIL_ASKED = frozenset({ConsentScope.SECOND_OPINION, *SECONDARY_USES})
"""What needs somebody's own consent once they have grown up (G-R246), and known wishes after a death (G-R92)."""

KEEPING = frozenset({ConsentScope.RECEIVE, ConsentScope.STORE})
"""Who takes one of these back, wants the picture used for nothing beyond their own care (G-R238)."""
PARENTS_NO = "parents-no"
"""Code of what shuts until the young person is asked themselves, and binds them no longer than that."""


def blocked(image: KeptImage, scope: ConsentScope, today: dt.date, *, deceased: bool = False) -> tuple[Reason, ...]:
    """Why `scope` is shut for this image, whatever its Consent says; empty where nothing is against it."""
    found = []
    kept_no_more = scope in SHUT_UNTIL_ASKED and image.withdrawn & KEEPING
    if scope in SHUT_UNTIL_ASKED and scope in image.withdrawn & image.a_parents and not kept_no_more:
        found.append(
            Reason(
                PARENTS_NO,
                "A parent, or somebody in their place, said no.",
                "Whoever can decide themselves by now is asked themselves.",
                "G-R246",
            )
        )
    elif scope in image.withdrawn or kept_no_more:
        found.append(Reason("withdrawn", "Consent to this was withdrawn.", "Ask again before using it.", "G-R238"))
    if scope in SHUT_UNTIL_ASKED:
        if image.own_consent is OwnConsent.OBJECTED:
            found.append(
                Reason("objected", "The patient has grown up and objected.", "It is not used for this.", "G-R247")
            )
        elif image.awaits_own_consent(today):
            found.append(
                Reason(
                    "own-consent-due",
                    "The patient has grown up since, and was not asked themselves.",
                    "Ask them, and record it at the review.",
                    "G-R246",
                )
            )
        if deceased and not image.known_wishes:
            found.append(
                Reason(
                    "known-wishes",
                    "The patient has died, and what they wanted is not recorded.",
                    "Find out what they wanted, and record it.",
                    "G-R92",
                )
            )
    return tuple(found)


def answer_that_counts(
    image: KeptImage, consent: PhotoConsent, scope: ConsentScope, today: dt.date, pack: PolicyPack
) -> ConsentAnswer:
    """What was said about `scope` and still binds.

    Of somebody who has grown up and was asked themselves it is only what they said since: neither a parent's yes nor
    a parent's no goes on for them (G-R246). What the register shut is `blocked`.
    """
    if image.own_consent is not OwnConsent.GIVEN:
        return consent.answer(scope)
    since = grown_up_on(image, today, pack)
    own = [
        decision.answer
        for decision in consent.decisions
        if decision.scope is scope
        and _who(consent, decision) in THEMSELVES
        and since is not None
        and decision.at is not None
        and decision.at.astimezone(UK).date() >= since
    ]
    return own[-1] if own else ConsentAnswer.NOT_ASKED


def said_no_themselves(consent: PhotoConsent, scope: ConsentScope) -> bool:
    """Whether the last that the patient themselves said about `scope` was no, at whatever age."""
    own = [each.answer for each in consent.decisions if each.scope is scope and _who(consent, each) in THEMSELVES]
    return bool(own) and own[-1] in (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN)


def grown_up_on(image: KeptImage, today: dt.date, pack: PolicyPack) -> dt.date | None:
    """The latest birthday that asks for somebody's own consent; None before the first, or for an unknown age."""
    if image.birth_date is None:
        return None
    reached = [birthday(image.birth_date, age) for age in pack.maturity_ages]
    return max((day for day in reached if day <= today), default=None)


def _who(consent: PhotoConsent, decision: ScopeDecision) -> Grantor:
    if decision.right is not None:
        return decision.right
    return Grantor.PATIENT if decision.by == consent.patient else consent.giver.right


def who_withdraws(patient: Patient, today: dt.date, law: Law) -> tuple[Grantor, ...]:
    """By what right consent may be taken back, by the age on the day (G-R238, X12); the patient first.

    Easier than giving: nobody who speaks for the patient is sent away. An unknown age leaves both ways open.
    """
    age = patient.age_on(today)
    child = (Grantor.COMPETENT_CHILD, Grantor.PARENT, Grantor.DELEGATED, Grantor.GUARDIAN, Grantor.COURT_ORDER)
    if age is None:
        return (Grantor.PATIENT, *child, Grantor.BEST_INTERESTS)
    if age < law.consent_age:
        return (*child, Grantor.BEST_INTERESTS)
    if age < law.attorney_age:
        return (Grantor.PATIENT, Grantor.PARENT, Grantor.GUARDIAN, Grantor.COURT_ORDER, Grantor.BEST_INTERESTS)
    return (Grantor.PATIENT, Grantor.ATTORNEY, Grantor.DEPUTY, Grantor.COURT_ORDER, Grantor.BEST_INTERESTS)
