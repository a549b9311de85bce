"""The blueprint of the disclosure desk, and what its pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint, request

from fhir_plugin.disclose.course import TAKES_CHANGES
from fhir_plugin.disclose.desk.view import is_kept_hidden
from fhir_plugin.errors import AnswersChanged, Incomplete, NotFound
from fhir_plugin.web.asking import parts, show
from fhir_plugin.web.disclosing.contract import Desk
from fhir_plugin.web.disclosing.words import day_said, token
from mappings.model.disclosure import Mode, Reviewer
from mappings.model.disclosure_request import DeskItem, DeskView, DisclosureId, DisclosureRequest, RequestState
from mappings.model.people import ClinicalSession, Role

disclosing = Blueprint("disclosing", __name__, url_prefix="/l/<launch>/disclosures")

OFFICERS: Final = (Role.DISCLOSURE_OFFICER,)
DESK: Final = (Role.DISCLOSURE_OFFICER, Role.PRIVACY_OFFICER, Role.CALDICOTT_GUARDIAN)
"""Who works at the desk: officers decide, privacy officers about hidden items, and any of them can be second."""

disclosing.add_app_template_filter(day_said)

CHANGED: Final = (
    "Somebody, perhaps you in another tab, has changed this request since. Your words are still here: look at how it "
    "stands now, then press the button again."
)


def desk() -> Desk:
    """The flow behind these pages."""
    return parts().desk


@dataclass(frozen=True)
class Trouble:
    """What was wrong with what somebody sent, for the page that is shown again with every word still there."""

    problems: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    @classmethod
    def of(cls, error: Incomplete | AnswersChanged) -> Trouble:
        if isinstance(error, Incomplete):
            return cls(error.fields or {"form": error.message}, 422)
        return cls({"form": CHANGED}, 409)


NONE: Final = Trouble()


def revision_seen() -> int:
    """The revision that the page was drawn with; a page that says none saw none."""
    said = request.form.get("revision", "")
    return int(said) if said.isdecimal() and len(said) < 10 else -1


def is_officer(session: ClinicalSession) -> bool:
    return Role.DISCLOSURE_OFFICER in session.user.roles


def for_health_professional(item: DeskItem) -> bool:
    """Whether somebody has asked for an opinion about it: all that a clinician sees of a request."""
    return item.asks is Reviewer.HEALTH_PROFESSIONAL or item.opinion is not None


def for_whom(session: ClinicalSession, view: DeskView) -> tuple[DeskItem, ...]:
    """The items that this person may see: the flow has seen to it, and so does the page."""
    roles = session.user.roles
    if not roles & frozenset(DESK):
        return tuple(filter(for_health_professional, view.items)) if Role.CLINICIAN in roles else ()
    return tuple(item for item in view.items if Role.PRIVACY_OFFICER in roles or not is_kept_hidden(item))


def decides(session: ClinicalSession, item: DeskItem) -> bool:
    """Whether this person is the one who decides about it."""
    return (Role.PRIVACY_OFFICER if item.hidden else Role.DISCLOSURE_OFFICER) in session.user.roles


def item_of(view: DeskView, items: Sequence[DeskItem], wanted: str) -> DeskItem:
    """The item that an address stands for. Raises `NotFound`."""
    for item in items:
        if token(view.request.id, item.key) == wanted:
            return item
    raise NotFound("no such item in this request", status=404)


def visible_item(session: ClinicalSession, disclosure_id: str, wanted: str) -> tuple[DeskView, DeskItem]:
    """The same, straight from the flow."""
    view = desk().view(session, DisclosureId(disclosure_id))
    return view, item_of(view, for_whom(session, view), wanted)


def may_change(found: DisclosureRequest) -> bool:
    """Whether decisions are still taken. One after the first signature takes that signature away."""
    return found.state in TAKES_CHANGES


def signed_first(session: ClinicalSession, found: DisclosureRequest) -> bool:
    """Whether this person has signed, and somebody else has to."""
    first = found.first
    return found.state is RequestState.WAITS_FOR_SECOND and first is not None and first.by == session.user.person


def page(template: str, session: ClinicalSession, **values: Any) -> str:
    """A page of the desk."""
    return show(
        f"disclosing/{template}", session, parts().captures.patient(session), officer=is_officer(session), **values
    )


def modes_of(found: DisclosureRequest) -> Sequence[Mode]:
    return desk().allowed_modes(found.requester)
