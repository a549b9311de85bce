"""Consent: what the patient said about receiving and storing the images of one capture (R4 Consent, shapes B3).

Given is a permit, refused is a deny. What was not asked is neither: a nested rule must say permit or deny, so it
is listed in an extension of ours, and whoever ignores that finds no rule at all. Reading is strict and fails
closed: silence reads as not asked, contradiction as refused, and a consent that is not in force gives nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mappings.model.consent import ConsentAnswer, ConsentForm, ConsentScope, PhotoConsent
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.labels import ACT_CODE, NORMAL, RESTRICTED, Label, is_restricted
from mappings.r4 import elements
from mappings.r4.elements import Json
from mappings.r4.errors import NotReadable
from mappings.terminology import systems
from mappings.terminology.photographs import CONSENT_FORM_WORDS, CONSENT_SCOPE_WORDS

ACTIONS: Final[dict[ConsentScope, tuple[str, str]]] = {
    ConsentScope.RECEIVE: ("access", "Access"),
    ConsentScope.STORE: ("collect", "Collect"),
}
"""R4 consentaction: access is "retrieval without permitting collection", collect "gather ... for storage"."""


def to_consent(
    consent: PhotoConsent,
    *,
    images: Sequence[Reference],
    id: str | None = None,
    labels: Sequence[Label] | None = None,
) -> Json:
    """The Consent of one capture about `images`.

    `labels`: those of the images, as the consent reveals what they show; without them restricted when
    `consent.private`, else normal. Status is active where something was given, rejected where it was only
    refused, proposed where nothing was answered. Raises `NotMappable` for an instant without an offset.
    """
    answers = {ConsentScope.RECEIVE: consent.receive, ConsentScope.STORE: consent.store}
    moment = elements.instant(consent.recorded_at)
    if labels is None:
        labels = (RESTRICTED,) if consent.private else (NORMAL,)
    json: Json = {"resourceType": "Consent"}
    if id is not None:
        json["id"] = id
    json["meta"] = elements.meta(labels, consent.capture_id)
    json["extension"] = _extensions(consent, answers)
    json["identifier"] = [{"system": systems.CONSENT, "value": consent.capture_id}]
    json["status"] = _status(answers)
    json["scope"] = elements.concept(systems.CONSENT_SCOPE, "patient-privacy", "Privacy Consent")
    json["category"] = [
        elements.concept(ACT_CODE, "ICOL", "information collection"),
        elements.concept(systems.LOINC, "59284-0", "Patient Consent"),
    ]
    json["patient"] = elements.reference(consent.patient)
    json["dateTime"] = moment
    if any(answer is not ConsentAnswer.NOT_ASKED for answer in answers.values()):
        json["performer"] = [elements.reference(consent.patient)]
    json["policy"] = [{"uri": elements.policy_uri(consent.policy_version)}]
    verification: Json = {"verified": consent.understood}
    if consent.understood:
        verification |= {"verifiedWith": elements.reference(consent.patient), "verificationDate": moment}
    json["verification"] = [verification]
    rules = [_rule(scope, answer, images) for scope, answer in answers.items() if answer is not ConsentAnswer.NOT_ASKED]
    if rules:
        json["provision"] = {"provision": rules}
    return json


def from_consent(json: object) -> PhotoConsent:
    """A Consent of ours that is in force.

    Raises `NotReadable`: wrong-type; not-ours, when our identifier, patient, recorder, moment or policy is
    missing; entered-in-error; not-in-force, when it says permit but its status is not active.
    """
    consent = elements.resource_of_type(json, "Consent")
    status = elements.text_of(consent.get("status"))
    if status == "entered-in-error":
        raise NotReadable("a Consent that was entered in error", code="entered-in-error")
    capture_id = elements.identifier_in(consent, systems.CONSENT)
    patient = elements.reference_of(consent.get("patient"))
    recorded_by = None
    for extension in elements.extensions_of(consent, systems.RECORDED_BY_EXTENSION):
        recorded_by = recorded_by or elements.reference_of(extension.get("valueReference"))
    recorded_at = elements.parse_instant(consent.get("dateTime"))
    policy_version = next(
        (
            version
            for policy in elements.objects_of(consent.get("policy"))
            if (version := elements.policy_version_in(policy.get("uri"))) is not None
        ),
        None,
    )
    if capture_id is None or patient is None or recorded_by is None or recorded_at is None or policy_version is None:
        raise NotReadable("a Consent that this app did not write", code="not-ours")
    answers = {scope: _answer(consent, scope) for scope in ACTIONS}
    if ConsentAnswer.GIVEN in answers.values() and status != "active":
        raise NotReadable("a Consent that permits but is not active", code="not-in-force")
    verifications = list(elements.objects_of(consent.get("verification")))
    return PhotoConsent.two(
        capture_id=CaptureId(capture_id),
        patient=patient,
        recorded_by=recorded_by,
        recorded_at=recorded_at,
        receive=answers[ConsentScope.RECEIVE],
        store=answers[ConsentScope.STORE],
        form=_form(consent),
        understood=bool(verifications) and all(each.get("verified") is True for each in verifications),
        policy_version=policy_version,
        private=is_restricted(elements.labels_of(consent)),
    )


def consented_images(json: object) -> tuple[Reference, ...]:
    """The images that the rules of a Consent name, each once."""
    consent = elements.resource_of_type(json, "Consent")
    found: dict[Reference, None] = {}
    for rule in _rules(consent):
        for data in elements.objects_of(rule.get("data")):
            target = elements.reference_of(data.get("reference"))
            if target is not None:
                found[target] = None
    return tuple(found)


def _status(answers: dict[ConsentScope, ConsentAnswer]) -> str:
    if ConsentAnswer.GIVEN in answers.values():
        return "active"
    return "rejected" if ConsentAnswer.REFUSED in answers.values() else "proposed"


def _extensions(consent: PhotoConsent, answers: dict[ConsentScope, ConsentAnswer]) -> list[Json]:
    extensions: list[Json] = [
        {"url": systems.RECORDED_BY_EXTENSION, "valueReference": elements.reference(consent.recorded_by)}
    ]
    if consent.form is not None:
        form = elements.coding(systems.CONSENT_FORM, consent.form.value, CONSENT_FORM_WORDS[consent.form])
        extensions.append({"url": systems.CONSENT_FORM_EXTENSION, "valueCoding": form})
    for scope, answer in answers.items():
        if answer is ConsentAnswer.NOT_ASKED:
            extensions.append({"url": systems.NOT_ASKED_EXTENSION, "valueCoding": _scope_coding(scope)})
    return extensions


def _scope_coding(scope: ConsentScope) -> Json:
    return elements.coding(systems.CONSENT_DECISION, scope.value, CONSENT_SCOPE_WORDS[scope])


def _rule(scope: ConsentScope, answer: ConsentAnswer, images: Sequence[Reference]) -> Json:
    rule: Json = {
        "type": "permit" if answer is ConsentAnswer.GIVEN else "deny",
        "action": [{"coding": [elements.coding(systems.CONSENT_ACTION, *ACTIONS[scope]), _scope_coding(scope)]}],
        "purpose": [elements.coding(systems.ACT_REASON, "TREAT", "treatment")],
    }
    if images:
        rule["data"] = [{"meaning": "instance", "reference": elements.reference(image)} for image in images]
    return rule


def _rules(consent: Json) -> list[Json]:
    return [
        rule
        for root in elements.objects_of(consent.get("provision"))
        for rule in elements.objects_of(root.get("provision"))
    ]


def _answer(consent: Json, scope: ConsentScope) -> ConsentAnswer:
    kinds = set()
    for rule in _rules(consent):
        decisions = {
            each.get("code")
            for each in elements.codings_of(rule.get("action"))
            if each.get("system") == systems.CONSENT_DECISION and isinstance(each.get("code"), str)
        }
        if scope.value in decisions:
            kinds.add(elements.text_of(rule.get("type")))
    not_asked = any(
        elements.object_of(extension.get("valueCoding")).get("code") == scope.value
        for extension in elements.extensions_of(consent, systems.NOT_ASKED_EXTENSION)
    )
    if "deny" in kinds:
        return ConsentAnswer.REFUSED
    if kinds == {"permit"} and not not_asked:
        return ConsentAnswer.GIVEN
    return ConsentAnswer.NOT_ASKED


def _form(consent: Json) -> ConsentForm | None:
    for extension in elements.extensions_of(consent, systems.CONSENT_FORM_EXTENSION):
        code = elements.text_of(elements.object_of(extension.get("valueCoding")).get("code"))
        if code in set(ConsentForm):
            return ConsentForm(code)
    return None
