"""Where a launch arrives: the gallery for clinicians, a page of their own for everybody else, and the way back for
somebody without a role."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from fhir_plugin.capture.routing import WaitingHere, WaitsFor
from fhir_plugin.errors import NoRole
from fhir_plugin.web.access import launched
from fhir_plugin.web.asking import parts, show
from fhir_plugin.web.deleting.places import WATCHERS
from fhir_plugin.web.deleting.queue import waiting_words as guardian_waits
from fhir_plugin.web.disclosing.blueprint import DESK
from fhir_plugin.web.disclosing.waiting import waiting_words as desk_waits
from fhir_plugin.web.errors import answer_plugin_error, status_and_explanation, wants_json
from mappings.model.people import ClinicalSession, Role

home = Blueprint("home", __name__, url_prefix="/l/<launch>")


@dataclass(frozen=True)
class RoleWords:
    """A role as people read it (G-R299: roles and responsibilities are clear to everybody)."""

    name: str
    """As it stands in the middle of a sentence."""
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    nothing: str
    """What to say when nothing waits for this role at a chart."""

    @property
    def title(self) -> str:
        return self.name[0].upper() + self.name[1:]


WORDS: Final[Mapping[Role, RoleWords]] = MappingProxyType(
    {
        Role.CLINICIAN: RoleWords(
            name="clinician",
            may=(
                "add, decide on and file pictures of this patient",
                "see the patient’s images, and sensitive ones after giving a reason",
                "see to what waits on the practice’s list",
            ),
            may_not=("release images to anybody outside", "destroy an image once it is in the record"),
            nothing="",
        ),
        Role.TRIAGE: RoleWords(
            name="triage",
            may=(
                "see that pictures wait at this chart, since when and for whom",
                "tell that person, or whoever covers for them",
                "see what waits at this practice for all patients, and give it to a clinician",
                "raise a concern",
            ),
            may_not=(
                "see any picture, nor which part of the body it shows or why it is sensitive",
                "decide, file or discard",
            ),
            nothing="Nothing waits at this chart.",
        ),
        Role.DISCLOSURE_OFFICER: RoleWords(
            name="disclosure officer",
            may=(
                "take requests for copies of this record, and see how long there is to answer each",
                "decide what goes out, and say why where you decide otherwise than policy",
                "open a picture at your desk after giving a reason",
                "sign with your own name, and make the package",
            ),
            may_not=(
                "add or file pictures",
                "see or decide what is hidden in the record",
                "give an opinion about harm",
            ),
            nothing="Requests for copies of this record are on your desk.",
        ),
        Role.CALDICOTT_GUARDIAN: RoleWords(
            name="Caldicott Guardian",
            may=(
                "decide about each image whose permanent deletion is asked for, for all patients of this EHR",
                "open the marked copy of such an image after giving a reason, once each time",
                "sign a request for a copy of the record as its second person",
            ),
            may_not=(
                "add or file pictures",
                "see images of a record from here",
                "decide about what you asked for yourself, or about several images at once",
            ),
            nothing="Requests for permanent deletion wait on a list of their own, for all patients.",
        ),
        Role.PRIVACY_OFFICER: RoleWords(
            name="privacy officer",
            may=(
                "decide about what is hidden in the record, where a request for a copy reaches it",
                "sign such a request as its second person",
                "see what is hidden and what was permanently deleted, and whether that is proven",
                "open a hidden image by break-glass, after giving a reason, and restore it",
                "set and lift a legal hold",
                "check that the audit trail is whole",
            ),
            may_not=("add or file pictures", "take requests for copies", "approve permanent deletion"),
            nothing="What is hidden in the record and asked for waits for your decision at the desk. Who has looked at "
            "the record is answered from the audit trail, which is not read at a chart.",
        ),
        Role.AUDITOR: RoleWords(
            name="auditor",
            may=(
                "read the register of what is hidden and what was permanently deleted",
                "open a hidden image by break-glass, after giving a reason",
                "check that the audit trail is whole, and ask whoever runs this app for it",
            ),
            may_not=("see any other picture", "change anything"),
            nothing="The register covers all patients: nothing waits for you at a chart.",
        ),
    }
)

WAITS: Final[Mapping[WaitsFor, str]] = MappingProxyType(
    {
        WaitsFor.DECISION: "for a decision",
        WaitsFor.SIGN_IN: "until this person opens the patient again from the EHR",
        WaitsFor.RECORD: "for the record: filing goes on by itself",
    }
)


def waiting_words(item: WaitingHere) -> str:
    """2 pictures wait for a decision."""
    pictures = "1 picture waits" if item.pictures == 1 else f"{item.pictures} pictures wait"
    return f"{pictures} {WAITS[item.waits_for]}"


@home.get("/enter")
@launched(*Role)
def enter(session: ClinicalSession) -> ResponseReturnValue:
    """Chooses where somebody goes after the launch: pictures first, where the role includes them, then the desk."""
    roles = session.user.roles
    first = ".at_this_chart"
    if Role.CLINICIAN in roles:
        first = "gallery.timeline"
    elif Role.DISCLOSURE_OFFICER in roles:
        first = "disclosing.at_the_desk"
    return redirect(url_for(first), 303)


@home.get("/home")
@launched(*Role)
def at_this_chart(session: ClinicalSession) -> ResponseReturnValue:
    """Who is there, what their roles include, and what waits for them at this chart. Never a picture."""
    roles = [role for role in Role if role in session.user.roles]
    if roles == [Role.CLINICIAN]:
        return redirect(url_for("gallery.timeline"), 303)
    patient = parts().captures.patient(session)
    waiting = parts().captures.waiting_here(session) if Role.TRIAGE in roles else []
    return show(
        "home.html",
        session,
        patient,
        roles=[(role, WORDS[role]) for role in roles],
        waiting=[(waiting_words(item), item) for item in waiting],
        clinician=Role.CLINICIAN in roles,
        at_the_desk=bool(frozenset(DESK) & frozenset(roles)),
        desk_waits=desk_waits(session),
        guards=Role.CALDICOTT_GUARDIAN in roles,
        guardian_waits=guardian_waits(session),
        watches=bool(frozenset(WATCHERS) & frozenset(roles)),
    )


@home.app_template_filter()
def role_names(roles: Collection[Role]) -> list[str]:
    """The names of roles, in the order in which the app knows them."""
    return [WORDS[role].name for role in Role if role in roles]


@home.app_errorhandler(NoRole)
def answer_no_role(error: NoRole) -> Response:
    """Who the EHR says they are, which jobs it names, and whom to ask. Nothing was opened: no patient is named."""
    if wants_json():
        return answer_plugin_error(error)
    status, _ = status_and_explanation(error)
    jobs = [job for job in error.jobs if job.words or job.code]
    page = render_template("no_role.html", user=error.user, ehr=error.ehr, jobs=jobs, ask=error.ask, code=error.code)
    return make_response(page, int(status))
