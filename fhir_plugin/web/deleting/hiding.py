"""Hide from record, wrong patient, restore: what a clinician does with one picture, and how it stands afterwards."""

from __future__ import annotations

import datetime as dt

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import NotFound, PluginError
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.deleting import words
from fhir_plugin.web.deleting.blueprint import NONE, Trouble, deleting, page
from fhir_plugin.web.deleting.standing import deletion
from fhir_plugin.web.gallery import reference_of, site_of
from mappings.model.hiding import HiddenImage, HidingReason
from mappings.model.identifiers import Reference, VaultId
from mappings.model.people import ClinicalSession, Role
from mappings.model.work import WorkKind

BREACH_HOURS = 72
"""From becoming aware of a personal data breach to telling the Information Commissioner (UK GDPR, Article 33)."""


def hidden_one(session: ClinicalSession, reference: Reference) -> HiddenImage | None:
    """This picture of this patient, if ordinary view does not show it."""
    found = deletion().hiding.of_patient(session)
    return next((each for each in found if each.reference == reference), None)


@deleting.get("/images/<kind>/<id>/hide")
@launched(Role.CLINICIAN)
def hide(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """What hiding does and does not do, and why it should be."""
    return _act_page("hide.html", session, reference_of(kind, id), NONE)


@deleting.get("/images/<kind>/<id>/wrong-patient")
@launched(Role.CLINICIAN)
def wrong_patient(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """What happens at once, and who has seen it so far."""
    return _act_page("wrong_patient.html", session, reference_of(kind, id), NONE)


def _act_page(template: str, session: ClinicalSession, reference: Reference, trouble: Trouble) -> ResponseReturnValue:
    kind, id = reference.split("/")
    known = hidden_one(session, reference)
    if known is not None and (known.wrong_patient or template == "hide.html"):
        return redirect(url_for("deleting.hidden", kind=kind, id=id), 303)
    item = next((each for each in parts().gallery.images(session) if each.entry.reference == reference), None)
    if item is None and known is None:
        raise NotFound("no such picture of this patient", status=404)
    return page(
        template,
        session,
        item=item,
        kind=kind,
        id=id,
        known=known,
        site=site_of(item) if item else "",
        reasons=[(each, words.HIDING_REASONS[each]) for each in words.OFFERED_TO_HIDE],
        seen_by=deletion().hiding.seen_by(session, reference),
        problems=trouble.problems,
        form=request.form,
    ), trouble.status


@deleting.post("/images/<kind>/<id>/hide")
@launched(Role.CLINICIAN)
def do_hide(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Hides it here at once; the EHR is told by itself."""
    patient, _ = same_patient(session)
    reference, why = reference_of(kind, id), request.form.get("reason", "")
    reason = HidingReason(why) if why in words.OFFERED_TO_HIDE else None
    try:
        deletion().hiding.hide(session, patient, reference, reason, request.form.get("words", ""))
    except PluginError as error:
        return _act_page("hide.html", session, reference, Trouble.told(error))
    return redirect(url_for(".hidden", kind=kind, id=id), 303)


@deleting.post("/images/<kind>/<id>/wrong-patient")
@launched(Role.CLINICIAN)
def do_wrong_patient(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Hides it, marks it, and asks for its destruction."""
    patient, _ = same_patient(session)
    reference = reference_of(kind, id)
    try:
        deletion().hiding.wrong_patient(session, patient, reference, request.form.get("words", ""))
    except PluginError as error:
        return _act_page("wrong_patient.html", session, reference, Trouble.told(error))
    return redirect(url_for(".hidden", kind=kind, id=id), 303)


# ------------------------------------------------------------------------------------------------ afterwards


@deleting.get("/hidden")
@launched(Role.CLINICIAN)
def all_hidden(session: ClinicalSession) -> ResponseReturnValue:
    """What is hidden of this patient: that it is, by whom and why; never what it shows."""
    return page(
        "all_hidden.html",
        session,
        found=[
            (each, *each.reference.split("/"), words.HIDING_STATES[each.state][0], words.HIDING_REASONS[each.reason])
            for each in deletion().hiding.of_patient(session)
        ],
    )


@deleting.get("/hidden/<kind>/<id>")
@launched(Role.CLINICIAN)
def hidden(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """How it stands: by whom, since when, who can still see earlier versions, how it is restored."""
    return _hidden_page(session, reference_of(kind, id), NONE)


def _hidden_page(session: ClinicalSession, reference: Reference, trouble: Trouble) -> ResponseReturnValue:
    kind, id = reference.split("/")
    found = hidden_one(session, reference)
    if found is None:
        return redirect(url_for("gallery.image", kind=kind, id=id), 303)
    cases = deletion().requests.of_patient(session)
    now = parts().clock.now()
    return page(
        "hidden.html",
        session,
        found=found,
        kind=kind,
        id=id,
        state=words.HIDING_STATES[found.state],
        reason=words.HIDING_REASONS[found.reason],
        cases=[
            (case, item, words.STATES[item.state][0])
            for case in cases
            for item in case.items
            if item.image.reference == reference
        ],
        seen_by=deletion().hiding.seen_by(session, reference),
        handed="handed" in request.args,
        waits=parts().policy.hand_over_lasts,
        tell_by=(found.since + dt.timedelta(hours=BREACH_HOURS)) if found.wrong_patient else None,
        late=found.wrong_patient and now > found.since + dt.timedelta(hours=BREACH_HOURS),
        breach=_breach_item(session, reference) if found.wrong_patient else "",
        restore_by=found.since + parts().policy.hiding_restorable,
        too_late=now - found.since > parts().policy.hiding_restorable,
        restorable=not found.wrong_patient and not found.pending and found.state not in words.ON_ITS_WAY,
        problems=trouble.problems,
        form=request.form,
    ), trouble.status


def _breach_item(session: ClinicalSession, reference: Reference) -> str:
    """Of the practice's list: whether it is a breach to be reported; empty where nothing waits any more."""
    here = parts().practice.at_chart(session)
    return next((each.id for each in here if each.kind is WorkKind.BREACH and each.subject == reference), "")


@deleting.post("/hidden/<kind>/<id>/hand-over")
@launched(Role.CLINICIAN)
def hand_over(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """It waits for this person, to be filed in the right chart."""
    same_patient(session)
    reference = reference_of(kind, id)
    try:
        deletion().hand_overs.offer(session, reference)
    except PluginError as error:
        return _hidden_page(session, reference, Trouble.told(error))
    return redirect(url_for(".hidden", kind=kind, id=id, handed=1, _anchor="file-again"), 303)


@deleting.post("/handed-over/<hand_over_id>")
@launched(Role.CLINICIAN)
def take(session: ClinicalSession, hand_over_id: str) -> ResponseReturnValue:
    """In the right chart: an ordinary capture begins with it, and everything is asked anew."""
    same_patient(session)
    capture = deletion().hand_overs.take(session, VaultId(hand_over_id))
    return redirect(url_for("capture.screen", capture_id=capture), 303)


@deleting.post("/hidden/<kind>/<id>/restore")
@launched(Role.CLINICIAN)
def restore(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """Puts back exactly what was; it stays hidden until that is proven."""
    patient, _ = same_patient(session)
    reference = reference_of(kind, id)
    try:
        deletion().hiding.restore(session, patient, reference, request.form.get("words", ""))
    except PluginError as error:
        return _hidden_page(session, reference, Trouble.told(error))
    return redirect(url_for(".hidden", kind=kind, id=id), 303)
