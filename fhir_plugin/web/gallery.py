"""This patient's pictures as a timeline: who they are of is plain, what they show is calm."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.errors import NotFound, Refused
from fhir_plugin.keep.view import GalleryItem
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, same_patient, show
from fhir_plugin.web.chart_copies import in_the_ehr
from fhir_plugin.web.deleting.standing import counted, handed_over, hidden_here, open_requests
from fhir_plugin.web.deleting.words import ACTS
from fhir_plugin.web.security import picture_response
from fhir_plugin.web.words import day, local
from fhir_plugin.web.worklist import due_here
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession, Role

gallery = Blueprint("gallery", __name__, url_prefix="/l/<launch>")

_TYPES = ("Media", "DocumentReference")


def reference_of(kind: str, id: str) -> Reference:
    """The picture that an address names; what holds no picture does not exist."""
    if kind not in _TYPES:
        raise NotFound("no such picture", status=404)
    return Reference(f"{kind}/{id}")


def _order(item: GalleryItem) -> tuple[dt.date, str, str]:
    """Newest first by the day it was taken (filed, where nobody knows), then by the moment it was filed."""
    when = item.entry.taken or item.entry.recorded
    if isinstance(when, dt.datetime):
        when = local(when).date()
    recorded = item.entry.recorded.isoformat() if item.entry.recorded else ""
    return (when or dt.date.min, recorded, item.entry.reference)


def site_of(item: GalleryItem) -> str:
    """The body site, where it may be named: a sensitive picture keeps its site to itself until revealed."""
    if item.sensitive and not item.revealed:
        return "Body site hidden"
    return item.entry.site or "Body site not given"


def _grouped(items: Sequence[GalleryItem], by: str) -> list[tuple[str, list[GalleryItem]]]:
    newest = sorted(items, key=_order, reverse=True)
    if by == "site":
        newest.sort(key=lambda item: (item.sensitive and not item.revealed, site_of(item)))
        return [(name, list(group)) for name, group in itertools.groupby(newest, key=site_of)]
    return [
        (day(when if (when := group_day) != dt.date.min else None), list(group))
        for group_day, group in itertools.groupby(newest, key=lambda item: _order(item)[0])
    ]


@gallery.get("/")
@launched(Role.CLINICIAN)
def timeline(session: ClinicalSession) -> ResponseReturnValue:
    """Home after launch."""
    patient = parts().captures.patient(session)
    parts().reviews.learn_birth_date(session, patient)
    by = "site" if request.args.get("by") == "site" else "date"
    items = parts().gallery.images(session)
    hidden, asked_for = counted(session)
    return show(
        "gallery.html",
        session,
        patient,
        groups=_grouped(items, by),
        by=by,
        count=len(items),
        waiting=parts().captures.waiting(session),
        due=due_here(session),
        to_be_asked=parts().reviews.waiting_to_be_asked(session),
        unreadable=parts().reviews.unreadable(session),
        to_label=parts().label_reviews.count(session),
        hidden=hidden,
        asked_for=asked_for,
        handed_over=handed_over(session),
        reasons=parts().policy.reveal_reasons,
        site_of=site_of,
        in_the_ehr=in_the_ehr,
    )


@gallery.post("/reveal")
@launched(Role.CLINICIAN)
def reveal(session: ClinicalSession) -> ResponseReturnValue:
    """One tap with a reason, logged; from then on this session sees this patient's sensitive pictures."""
    same_patient(session)
    reference, reason = request.form.get("reference", ""), request.form.get("reason", "")
    if reason not in parts().policy.reveal_reasons:
        raise Refused("Choose one of the reasons offered.", code="unknown-reason")
    kind, _, id = reference.partition("/")
    parts().gallery.reveal(session, reference_of(kind, id), reason)
    return redirect(url_for(".timeline", _anchor=f"{kind}-{id}"), 303)


@gallery.get("/images/<kind>/<id>")
@launched(Role.CLINICIAN)
def image(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """One picture, as large as the window lets it be, with what is known of it."""
    reference = reference_of(kind, id)
    item = next((i for i in parts().gallery.images(session) if i.entry.reference == reference), None)
    if item is None:
        if reference in hidden_here(session):
            return redirect(url_for("deleting.hidden", kind=kind, id=id), 303)
        raise NotFound("no such picture of this patient", status=404)
    return show(
        "image.html",
        session,
        parts().captures.patient(session),
        item=item,
        reasons=parts().policy.reveal_reasons,
        label=parts().labels.known(session, reference),
        opinions=parts().consultations.of_image(session, reference),
        asked_for=open_requests(session).get(reference),
        acts=ACTS,
        site_of=site_of,
        in_the_ehr=in_the_ehr,
    )


@gallery.get("/images/<kind>/<id>/picture")
@launched(Role.CLINICIAN)
def picture(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """The pixels: refused while sensitive and not revealed, whatever the page shows."""
    return picture_response(*parts().gallery.picture(session, reference_of(kind, id)))


@gallery.get("/images/<kind>/<id>/thumbnail")
@launched(Role.CLINICIAN)
def thumbnail(session: ClinicalSession, kind: str, id: str) -> ResponseReturnValue:
    """The small pixels, under the same rule."""
    return picture_response(*parts().gallery.thumbnail(session, reference_of(kind, id)))
