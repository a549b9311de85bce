"""The blueprint of hiding and permanent deletion, and what its pages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint, request

from fhir_plugin import errors
from fhir_plugin.errors import AnswersChanged, Incomplete, PluginError
from fhir_plugin.web.asking import parts, show
from mappings.model.people import ClinicalSession

deleting = Blueprint("deleting", __name__, url_prefix="/l/<launch>")
"""Addresses below `images/<kind>/<id>/`, `hidden` and `deletions`."""

CHANGED: Final = (
    "Somebody, perhaps you in another tab, has changed this request since. Your words are still here: look at how it "
    "stands now, then press the button again."
)


_SAID: Final[tuple[tuple[type[PluginError], int, str], ...]] = (
    (errors.VersionConflict, 409, "The picture has been changed in the record since. Look at it, then press again."),
    (errors.Unavailable, 503, "The record is not answering. Nothing was done. Wait a minute, then press again."),
    (errors.AnswerLost, 503, "The record’s answer did not come. Look at how it stands before you press again."),
    (errors.Refused, 409, ""),
)
"""What went wrong beside the answers themselves; an empty sentence: the error’s own. The first that fits."""
_ELSEWHERE: Final = (errors.WrongPatient, errors.SignInNeeded)


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

    @classmethod
    def told(cls, error: PluginError, *, words: str = "") -> Trouble:
        """The same for whatever a form can be shown again with. Raises what has to be said on a page of its own: that
        the page is for somebody else, that nobody is signed in, that the thing does not exist. `words`: what the page
        calls the field `words` of this form, where it has several."""
        if isinstance(error, Incomplete | AnswersChanged):
            found = cls.of(error)
            return cls(
                {words if words and name == "words" else name: text for name, text in found.problems.items()},
                found.status,
            )
        for kind, status, said in _SAID:
            if isinstance(error, kind) and not isinstance(error, _ELSEWHERE):
                return cls({"form": said or error.message}, status)
        raise error


NONE: Final = Trouble()


def revision_seen() -> int:
    """The revision that the page was drawn with; a page that says none saw none."""
    said = request.form.get("revision", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else -1


def page(template: str, session: ClinicalSession, **values: Any) -> str:
    """A page of this launch's patient."""
    return show(f"deleting/{template}", session, parts().captures.patient(session), **values)
