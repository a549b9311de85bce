"""The second signature under an approval, where policy asks for one: a senior clinician, at the patient's own chart."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.delete.waiting import AWAITS_COSIGN
from fhir_plugin.errors import NotFound, PluginError
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.deleting.blueprint import NONE, Trouble, page, revision_seen
from fhir_plugin.web.deleting.places import guarding, offices
from fhir_plugin.web.deleting.requesting import facts_of
from mappings.model.deletion import CaseId, ItemId
from mappings.model.people import ClinicalSession, Role


@guarding.get("/deletions/<case_id>/signature")
@launched(Role.CLINICIAN)
def second(session: ClinicalSession, case_id: str) -> ResponseReturnValue:
    """What the Guardian has approved and why, image by image: each is signed by itself."""
    return _page(session, case_id, NONE)


def _page(session: ClinicalSession, case_id: str, trouble: Trouble, at: str = "") -> ResponseReturnValue:
    case = parts().deletion.requests.get(session, CaseId(case_id))
    return page(
        "second_signature.html",
        session,
        case=case,
        facts=facts_of(case),
        waiting=[(n, each) for n, each in enumerate(case.items, start=1) if each.why == AWAITS_COSIGN],
        problems={f"{name}-{at}" if name == "words" else name: text for name, text in trouble.problems.items()},
        at=at,
        typed=request.form.get("words", "") if trouble.problems else "",
    ), trouble.status


@guarding.post("/deletions/<case_id>/signature/<item>")
@launched(Role.CLINICIAN)
def sign_second(session: ClinicalSession, case_id: str, item: str) -> ResponseReturnValue:
    """Signs for exactly one image, in one's own name."""
    same_patient(session)
    case = parts().deletion.requests.get(session, CaseId(case_id))
    number = next((str(n) for n, each in enumerate(case.items, start=1) if each.id == item), "")
    if not number:
        raise NotFound("no such image in this request", status=404)
    try:
        words = request.form.get("words", "").strip()
        offices().decisions.cosign(session, case.id, ItemId(item), words, revision=revision_seen())
    except PluginError as error:
        return _page(session, case_id, Trouble.told(error), number)
    return redirect(url_for(".second", case_id=case_id), 303)
