"""The consent and the decision of an order as JSON, and back without loss: kept sealed with the draft."""

from __future__ import annotations

import datetime as dt
from typing import Any

from mappings.model.consent import (
    AlsoAsked,
    Assessment,
    ChildView,
    ConsentAnswer,
    ConsentForm,
    ConsentGiver,
    ConsentScope,
    Grantor,
    Override,
    PhotoConsent,
    ScopeDecision,
)
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.identifiers import CaptureId, ImageId, Reference

Json = dict[str, Any]


def consent_to_json(consent: PhotoConsent) -> Json:
    """All of it but capture, patient, recorder and moment, which are those of the order."""
    giver = consent.giver
    return {
        "decisions": [
            [each.scope, each.answer, each.at.isoformat() if each.at else None, each.by, each.right, each.form]
            for each in consent.decisions
        ],
        "form": consent.form,
        "understood": consent.understood,
        "policy_version": consent.policy_version,
        "private": consent.private,
        "giver": [giver.right, giver.name, giver.relationship, giver.evidence, giver.authority_covers],
        "also": [[each.right, each.answer, each.name, each.relationship] for each in consent.also],
        "explained": list(consent.explained),
        "template": consent.template,
        "more_wanted": consent.more_wanted,
        "record_told": consent.record_told,
        "child_view": consent.child_view,
        "child_words": consent.child_words,
        "parents_involved": consent.parents_involved,
        "assessments": [
            [each.about, each.outcome, each.words, each.assessor, each.at.isoformat()] for each in consent.assessments
        ],
        "overrides": [
            [each.of, each.reason, each.by, each.second, each.urgent, each.at.isoformat()] for each in consent.overrides
        ],
        "legal_basis": list(consent.legal_basis),
    }


def consent_from_json(
    value: Json, *, capture_id: CaptureId, patient: Reference, recorded_by: Reference, recorded_at: dt.datetime
) -> PhotoConsent:
    """What `consent_to_json` wrote. Orders of 0.1.0, which may still be open, knew two scopes and patients only;
    some say neither who was asked as well nor the form of one decision."""
    if "decisions" not in value:
        return _of_two_scopes(
            value, capture_id=capture_id, patient=patient, recorded_by=recorded_by, recorded_at=recorded_at
        )
    right, name, relationship, evidence, covers = value["giver"]
    return PhotoConsent(
        capture_id=capture_id,
        patient=patient,
        recorded_by=recorded_by,
        recorded_at=recorded_at,
        decisions=tuple(
            ScopeDecision(
                ConsentScope(scope),
                ConsentAnswer(answer),
                dt.datetime.fromisoformat(at) if at else None,
                Reference(by) if by else None,
                Grantor(its_right) if its_right else None,
                ConsentForm(form[0]) if form and form[0] else None,
            )
            for scope, answer, at, by, its_right, *form in value["decisions"]
        ),
        form=ConsentForm(value["form"]) if value["form"] else None,
        understood=value["understood"],
        policy_version=value["policy_version"],
        private=value["private"],
        giver=ConsentGiver(Grantor(right), name, relationship, evidence, covers),
        also=tuple(
            AlsoAsked(Grantor(its_right), ConsentAnswer(answer), its_name, relation)
            for its_right, answer, its_name, relation in value.get("also", [])
        ),
        explained=tuple(value["explained"]),
        template=value["template"],
        more_wanted=value["more_wanted"],
        record_told=value["record_told"],
        child_view=ChildView(value["child_view"]) if value["child_view"] else None,
        child_words=value["child_words"],
        parents_involved=value["parents_involved"],
        assessments=tuple(
            Assessment(about, outcome, words, Reference(assessor), dt.datetime.fromisoformat(at))
            for about, outcome, words, assessor, at in value["assessments"]
        ),
        overrides=tuple(
            Override(
                of, reason, Reference(by), Reference(second) if second else None, urgent, dt.datetime.fromisoformat(at)
            )
            for of, reason, by, second, urgent, at in value["overrides"]
        ),
        legal_basis=tuple(value["legal_basis"]),
    )


def _of_two_scopes(
    value: Json, *, capture_id: CaptureId, patient: Reference, recorded_by: Reference, recorded_at: dt.datetime
) -> PhotoConsent:
    said = ((scope, ConsentAnswer(value[scope])) for scope in (ConsentScope.RECEIVE, ConsentScope.STORE))
    return PhotoConsent(
        capture_id=capture_id,
        patient=patient,
        recorded_by=recorded_by,
        recorded_at=recorded_at,
        decisions=tuple(
            ScopeDecision(scope, answer, recorded_at) for scope, answer in said if answer is not ConsentAnswer.NOT_ASKED
        ),
        form=ConsentForm(value["form"]) if value["form"] else None,
        understood=value["understood"],
        policy_version=value["policy_version"],
        private=value["private"],
    )


def decision_to_json(decision: DecisionRecord) -> Json:
    return {
        "pack": decision.pack,
        "images": [[each.image_id, each.verdict, _grounds(each.grounds)] for each in decision.images],
        "answers": [[each.question, each.value, each.image_id] for each in decision.answers],
        "warnings": _grounds(decision.warnings),
        "flags": list(decision.flags),
        "second_person": decision.second_person,
        "urgent": decision.urgent,
        "urgent_reason": decision.urgent_reason,
    }


def decision_from_json(value: Json | None, *, pack: str) -> DecisionRecord:
    """What `decision_to_json` wrote. Orders of 0.1.0 have none: then only the pack is known."""
    if value is None:
        return DecisionRecord(pack=pack)
    return DecisionRecord(
        pack=value["pack"],
        images=tuple(
            DecidedImage(ImageId(image_id), verdict, _read_grounds(grounds))
            for image_id, verdict, grounds in value["images"]
        ),
        answers=tuple(
            Answered(question, words, ImageId(image_id) if image_id else None)
            for question, words, image_id in value["answers"]
        ),
        warnings=_read_grounds(value["warnings"]),
        flags=tuple(value["flags"]),
        second_person=Reference(value["second_person"]) if value["second_person"] else None,
        urgent=value["urgent"],
        urgent_reason=value["urgent_reason"],
    )


def _grounds(grounds: tuple[Ground, ...]) -> list[list[str]]:
    return [[each.code, each.text, each.source] for each in grounds]


def _read_grounds(value: list[list[str]]) -> tuple[Ground, ...]:
    return tuple(Ground(code, text, source) for code, text, source in value)
