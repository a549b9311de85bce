"""Request permanent deletion: exactly which pictures, why, and what has to be said before anybody may approve it."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import PluginError
from fhir_plugin.keep.view import GalleryItem
from fhir_plugin.policy.contents import GuidanceLink
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient
from fhir_plugin.web.concern import HOLDS
from fhir_plugin.web.deleting import words
from fhir_plugin.web.deleting.blueprint import NONE, Trouble, deleting, page
from fhir_plugin.web.deleting.contract import Asked
from fhir_plugin.web.deleting.standing import deletion, open_requests
from fhir_plugin.web.gallery import reference_of, site_of
from mappings.model.deletion import DeletionCase, DeletionReason
from mappings.model.hiding import HiddenImage
from mappings.model.identifiers import Reference, WorkId
from mappings.model.people import ClinicalSession, Role

_GMC = "making-and-using-visual-and-audio-recordings"


class Choice(NamedTuple):
    """One picture that may be asked for. `item` None: it is hidden, and shows nothing."""

    reference: Reference
    version: str
    item: GalleryItem | None
    hidden: HiddenImage | None
    waits: str
    """The request that it is in already, in words; empty: none."""

    @property
    def value(self) -> str:
        return f"{self.reference} {self.version}".strip()


@deleting.get("/deletions/new")
@launched(Role.CLINICIAN)
def new(session: ClinicalSession) -> ResponseReturnValue:
    """The form. `image`: those that are ticked from the start; `review`: those of a review."""
    return _form(session, NONE)


@deleting.post("/deletions")
@launched(Role.CLINICIAN)
def ask(session: ClinicalSession) -> ResponseReturnValue:
    """Asks. Sent twice by one page, it is one request."""
    patient, _ = same_patient(session)
    try:
        case = deletion().requests.ask(session, patient, _asked(), once=request.form.get("once", "")[:64])
    except PluginError as error:
        return _form(session, Trouble.told(error))
    return redirect(url_for(".case", case_id=case.id, asked=1), 303)


def _asked() -> Asked:
    """What the form says, right or wrong: whether it is enough is not decided here."""
    form, why = request.form, request.form.get("reason", "")
    return Asked(
        images=dict(_chosen(each) for each in form.getlist("image")),
        reason=DeletionReason(why) if why in set(DeletionReason) else None,
        words=form.get("words", ""),
        described=form.get("described", ""),
        gmc_looked_at=form.get("gmc_looked_at") == "yes",
        instead=form.get("instead", ""),
        asked_by_patient=day_of(form.get("asked_by_patient", "")),
    )


def _chosen(text: str) -> tuple[Reference, str]:
    """`Type/id version`, as the page offered it."""
    reference, _, version = text.partition(" ")
    kind, _, id = reference.partition("/")
    return reference_of(kind, id), version


def day_of(text: str) -> dt.date | None:
    """A day as a form says it; None for anything else."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _form(session: ClinicalSession, trouble: Trouble) -> ResponseReturnValue:
    ticked = _ticked(session)
    choices = choices_of(session)
    return page(
        "request.html",
        session,
        first=[each for each in choices if each.reference in ticked],
        others=[each for each in choices if each.reference not in ticked],
        ticked=ticked,
        reasons=[(each, *words.REASONS[each]) for each in DeletionReason],
        holds=[(HOLDS[hold.kind], hold) for hold in parts().concerns.of_chart(session)],
        gmc=gmc_guidance(parts().policy.guidance),
        policy=parts().policy.reference,
        once=request.form.get("once", "") or secrets.token_urlsafe(16),
        site_of=site_of,
        problems=trouble.problems,
        form=request.form,
    ), trouble.status


def _ticked(session: ClinicalSession) -> frozenset[Reference]:
    """Those that the form said, or from where the page was asked for."""
    if request.method == "POST":
        return frozenset(_chosen(each)[0] for each in request.form.getlist("image"))
    named = frozenset(_chosen(each)[0] for each in request.args.getlist("image"))
    review = request.args.get("review", "")
    if review:
        _item, images = parts().reviews.item(session, WorkId(review))
        named |= {image.reference for image in images}
    return named


def choices_of(session: ClinicalSession) -> list[Choice]:
    """Every picture of this patient, those that are hidden last."""
    waiting = {reference: said for reference, (_case, said) in open_requests(session).items()}
    shown = [
        Choice(each.entry.reference, each.entry.version or "", each, None, waiting.get(each.entry.reference, ""))
        for each in parts().gallery.images(session)
    ]
    seen = {each.reference for each in shown}
    hidden = [
        Choice(each.reference, "", None, each, waiting.get(each.reference, ""))
        for each in deletion().hiding.of_patient(session)
        if each.reference not in seen
    ]
    return shown + hidden


def gmc_guidance(links: Sequence[GuidanceLink]) -> GuidanceLink | None:
    """What policy links to of the GMC's guidance on recordings; None where a pack names none."""
    own = [each for each in links if "gmc-uk.org" in each.url]
    return next((each for each in own if _GMC in each.url), own[0] if own else None)


def facts_of(case: DeletionCase) -> list[tuple[str, str]]:
    """What was said when it was asked for, as labels and values."""
    said = [("Why", words.REASONS[case.reason][0])]
    if case.words:
        said.append(("In their words", case.words))
    if case.described:
        said.append(("Written description", case.described))
    if case.instead:
        said.append(("Why hiding is not enough", case.instead))
    return said
