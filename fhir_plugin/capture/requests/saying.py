"""What was said on the patient's page: what is still to be said, and what stops. Pure; codes, as the page has words."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from typing import Any

from fhir_plugin.capture.requests.arrive import AGREES_ENOUGH, HELPERS
from fhir_plugin.capture.requests.request import Asked, PhotoRequest, Said
from fhir_plugin.policy.pack import PolicyPack
from mappings.model.consent import ChildView, ConsentAnswer
from mappings.model.images import Photographer

MOST_NOTES = 500

MUST_BE_SAID = "not-said"
MUST_BE_YES = "must-be-yes"


def with_said(before: Said, new: Said, now: dt.datetime) -> Said:
    """`before` with what `new` says on top; each field that was said has its time."""
    said: dict[str, Any] = {
        each.name: getattr(new, each.name)
        for each in fields(Said)
        if each.name != "at" and getattr(new, each.name) not in (None, "")
    }
    if ChildView(said.get("child_view") or ChildView.NOT_ASKED) is ChildView.NOT_ASKED:
        said.pop("child_view", None)
    for scope in ("receive", "store"):
        if said.get(scope) is ConsentAnswer.NOT_ASKED:
            del said[scope]
    return replace(before, **said, at={**before.at, **dict.fromkeys(said, now)})


def forbidden(request: PhotoRequest) -> str | None:
    """What must be talked about before anything is sent: then nothing is kept. A code of `visit.STOPS`."""
    said = request.said
    if said.private and not request.private_allowed:
        return "private"
    if said.child_view is not None and said.child_view not in AGREES_ENOUGH:
        return "child-objects"
    if said.photographer is Photographer.CARE_WORKER:  # no link can tell whose device it is (G-R324, G-R332)
        return "care-worker"
    if said.helper_agreed is False:  # whoever took it may be beside them now (G-R48, G-R336)
        return "helper-refused"
    if said.receive in (ConsentAnswer.REFUSED, ConsentAnswer.WITHDRAWN):
        return "receive-refused"
    return None


def missing_to_upload(request: PhotoRequest, policy: PolicyPack) -> dict[str, str]:
    """What comes before the first byte: information, private or not, agreement to our receiving (G-R3, G-R5, G-R58)."""
    said = request.said
    missing = {}
    if not said.read:
        missing["read"] = MUST_BE_YES
    if said.private is None:
        missing["private"] = MUST_BE_SAID
    if request.asked is Asked.PARENT and said.child_view is None:
        missing["child_view"] = MUST_BE_SAID
    if said.receive is None and policy.consent_receive_required:
        missing["receive"] = MUST_BE_SAID
    return missing


def missing_to_send(request: PhotoRequest, policy: PolicyPack, pictures: int) -> dict[str, str]:
    """What comes before *send*. `pictures`: those that were checked."""
    said = request.said
    missing = missing_to_upload(request, policy)
    if not pictures:
        missing["pictures"] = MUST_BE_SAID
    if said.photographer is None:
        missing["photographer"] = MUST_BE_SAID
    elif said.photographer in HELPERS and not said.helper_agreed:
        missing["helper_agreed"] = MUST_BE_YES
    if not said.only_area:
        missing["only_area"] = MUST_BE_YES
    if said.store is None:
        missing["store"] = MUST_BE_SAID
    return missing
