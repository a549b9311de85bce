"""The label of one picture: what it is, who set it, changing it; a second clinician's yes or no; pictures that may need
a label, one by one or as a set."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import Incomplete, Refused
from fhir_plugin.keep.label_history import Broken
from fhir_plugin.keep.label_review import Why
from fhir_plugin.keep.relabel import LabelStanding
from fhir_plugin.ledger.intents import IntentState, Outcome
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from fhir_plugin.web.gallery import reference_of, site_of
from mappings.model.identifiers import Reference, WorkId
from mappings.model.label_change import LEVELS, TO_LOWER, TO_RAISE, LabelLevel, LabelReason, level_of
from mappings.model.labels import CONFIDENTIALITY, Label
from mappings.model.people import ClinicalSession, Role
from mappings.terminology.label_changes import LEVEL_WORDS, REASON_WORDS
from mappings.terminology.labels import plain_label

labels = Blueprint("labels", __name__, url_prefix="/l/<launch>")

WHY_WORDS: Final[Mapping[Why, str]] = MappingProxyType(
    {
        Why.SITE: "Its body site is a private area.",
        Why.KIND: "What the other system calls it suggests something private.",
        Why.CLINIC: "It comes from a clinic whose pictures are often private.",
        Why.LOST: "The record no longer has the label that was set.",
        Why.ADDED: "The record has a label that was not set here.",
        Why.NOT_TAKEN: "The EHR did not take the label that was set here.",
        Why.GONE: "The signed statement about its label is gone from the record.",
        Why.FORGED: "The statement about its label in the record is not the one that was signed.",
    }
)
BROKEN_WORDS: Final[Mapping[Broken, str]] = MappingProxyType(
    {
        Broken.GONE: WHY_WORDS[Why.GONE],
        Broken.FORGED: WHY_WORDS[Why.FORGED],
    }
)
_OWN_WORDS: Final = frozenset({"label-not-lowered", "label-changed", "label-not-taken"})
"""Codes of refusals whose message is written for people."""


def level_words(level: LabelLevel) -> str:
    """How sensitive, in a word or two."""
    return LEVEL_WORDS[level][0]


def in_words(found: tuple[Label, ...]) -> list[str]:
    """Each label as people read it; the confidentiality first, as it stands."""
    return [plain_label(label) for label in sorted(found, key=lambda label: label.system != CONFIDENTIALITY)]


def state_words(standing: LabelStanding) -> str:
    """How the latest change stands, where it is not simply done."""
    last, known = standing.last, standing.known
    if last is None or last.outcome is Outcome.DONE:
        return ""
    if last.state is IntentState.UNRESOLVED:
        return "The EHR does not say whether it has taken the latest change. This app keeps asking."
    if last.outcome is None:
        return "The latest change is on its way to the EHR."
    if known is not None and known.untold:
        said = last.message if last.reason in _OWN_WORDS else "The EHR did not take this label."
        return f"{said} This app hides the picture all the same; other systems may show it."
    return last.message if last.reason in _OWN_WORDS else "The EHR did not take the latest change: it is as it was."


@labels.get("/images/<kind>/<id>/label")
@launched(Role.CLINICIAN)
def one(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """What the label is, who set it, how it came to be, and a form to change it."""
    return _page(session, reference_of(kind, id), {}), 200


def _page(session: ClinicalSession, reference: Reference, problems: Mapping[str, str]) -> str:
    patient = parts().captures.patient(session)
    standing = parts().labels.standing(session, patient, reference)
    kind, id = reference.split("/")
    return show(
        "labels/one.html",
        session,
        patient,
        standing=standing,
        level=level_words(standing.level),
        words=in_words(standing.labels),
        lines=[(line, level_words(level_of(line.labels))) for line in standing.history.lines],
        reasons_in_words=REASON_WORDS,
        state=state_words(standing),
        broken=BROKEN_WORDS[standing.history.broken] if standing.history.broken else "",
        levels=[(each, *LEVEL_WORDS[each]) for each in LEVELS],
        to_raise=[(each, REASON_WORDS[each]) for each in TO_RAISE if each is not LabelReason.OTHER],
        to_lower=[(each, REASON_WORDS[each]) for each in TO_LOWER if each is not LabelReason.OTHER],
        other=(LabelReason.OTHER, REASON_WORDS[LabelReason.OTHER]),
        level_in_words=level_words,
        kind=kind,
        id=id,
        problems=problems,
        form=request.form,
    )


@labels.post("/images/<kind>/<id>/label")
@launched(Role.CLINICIAN)
def change(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Stricter at once; less strict with a reason, and where policy says so once a second clinician has agreed."""
    patient, _ = same_patient(session)
    reference, form = reference_of(kind, id), request.form
    asked, why = form.get("level", ""), form.get("reason", "")
    try:
        if asked not in set(LabelLevel):
            raise Incomplete("Choose a label.", fields={"level": "Choose a label."})
        if why not in {"", *LabelReason}:
            raise Refused("Choose one of the reasons offered.", code="unknown-reason")
        parts().labels.change(
            session,
            patient,
            reference,
            LabelLevel(asked),
            LabelReason(why) if why else None,
            form.get("words", ""),
            form.get("seen", ""),
        )
    except Incomplete as error:
        return _page(session, reference, error.fields), 422
    return redirect(url_for(".one", kind=kind, id=id), 303)


# ------------------------------------------------------------------------------------------------ two people


@labels.get("/labels/<work_id>")
@launched(Role.CLINICIAN)
def lowering(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """What a second clinician is asked: never theirs to answer who asked."""
    return _lowering_page(session, WorkId(work_id), {}), 200


def _lowering_page(session: ClinicalSession, id: WorkId, problems: Mapping[str, str]) -> str:
    found, entry = parts().labels.lowering(session, id)
    kind, image_id = entry.reference.split("/")
    return show(
        "labels/lowering.html",
        session,
        parts().captures.patient(session),
        found=found,
        now=level_words(level_of(found.before)),
        then=level_words(found.level),
        words=in_words(found.after),
        reason=REASON_WORDS[found.reason],
        kind=kind,
        id=image_id,
        problems=problems,
        form=request.form,
    )


@labels.post("/labels/<work_id>")
@launched(Role.CLINICIAN)
def answer(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Yes or no."""
    same_patient(session)
    form, id = request.form, WorkId(work_id)
    _found, entry = parts().labels.lowering(session, id)
    kind, image_id = entry.reference.split("/")
    try:
        if form.get("agrees") not in ("yes", "no"):
            raise Incomplete("Choose whether you agree.", fields={"agrees": "Choose whether you agree."})
        parts().labels.answer(session, id, form["agrees"] == "yes", form.get("words", ""), form.get("seen", ""))
    except Incomplete as error:
        return _lowering_page(session, id, error.fields), 422
    return redirect(url_for(".one", kind=kind, id=image_id), 303)


@labels.post("/labels/<work_id>/take-back")
@launched(Role.CLINICIAN)
def take_back(session: ClinicalSession, work_id: str) -> ResponseReturnValue:
    """Who asked asks no more."""
    same_patient(session)
    _found, entry = parts().labels.lowering(session, WorkId(work_id))
    kind, image_id = entry.reference.split("/")
    parts().labels.take_back(session, WorkId(work_id))
    return redirect(url_for(".one", kind=kind, id=image_id), 303)


# ------------------------------------------------------------------------------------------------ the list


@labels.get("/label-review")
@launched(Role.CLINICIAN)
def review(session: ClinicalSession) -> ResponseReturnValue:
    """Pictures that look private without a label, and those whose label in the record is not what was signed."""
    return _review_page(session, {}), 200


def _review_page(session: ClinicalSession, problems: Mapping[str, str]) -> str:
    patient = parts().captures.patient(session)
    found = parts().label_reviews.findings(session)
    return show(
        "labels/review.html",
        session,
        patient,
        findings=[
            (each, *each.reference.split("/"), [WHY_WORDS[why] for why in each.why], level_words(each.level))
            for each in found
        ],
        done=_number(request.args.get("done", "")),
        noted=request.args.get("act") == "ordinary",
        any_ordinary=any(each.ordinary for each in found),
        site_of=site_of,
        chosen=set(request.form.getlist("chosen")),
        problems=problems,
        form=request.form,
    )


@labels.post("/label-review")
@launched(Role.CLINICIAN)
def decide(session: ClinicalSession) -> ResponseReturnValue:
    """Labels those that were chosen, or notes that they are ordinary."""
    patient, _ = same_patient(session)
    form = request.form
    chosen = [_choice(each) for each in form.getlist("chosen")]
    try:
        if form.get("act") == "ordinary":
            parts().label_reviews.find_ordinary(session, chosen, form.get("words", ""))
        elif form.get("act") == "confirm":
            parts().label_reviews.confirm(session, patient, chosen)
        else:
            raise Refused("Choose one of the buttons.", code="unknown-act")
    except Incomplete as error:
        return _review_page(session, error.fields), 422
    return redirect(url_for(".review", done=len(chosen), act=form.get("act")), 303)


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 5 else 0


def _choice(text: str) -> tuple[Reference, str]:
    """`Type/id seen`, as the page offered it."""
    reference, _, seen = text.partition(" ")
    kind, _, id = reference.partition("/")
    return reference_of(kind, id), seen
