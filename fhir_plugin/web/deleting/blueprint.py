"""The blueprint of hiding and permanent deletion, and what its pages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint, request

from fhir_plugin.errors import AnswersChanged, Incomplete
from fhir_plugin.web.asking import parts, show
from mappings.model.people import ClinicalSession

deleting = Blueprint("deleting", __name__, url_prefix="/l/<launch>")
"""Addresses below `images/<kind>/<id>/`, `hidden` and `deletions`."""

CHANGED: Final = (
    "Somebody, perhaps you in another tab, has changed this request since. Your words are still here: look at how it "
    "stands now, then press the button again."
)


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
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else -1


def page(template: str, session: ClinicalSession, **values: Any) -> str:
    """A page of this launch's patient."""
    return show(f"deleting/{template}", session, parts().captures.patient(session), **values)
