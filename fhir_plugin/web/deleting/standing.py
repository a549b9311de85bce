"""What other pages say about hiding and permanent deletion: how one picture stands, and how many are hidden."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_plugin.errors import NotFound
from fhir_plugin.web.asking import parts
from fhir_plugin.web.deleting import words
from fhir_plugin.web.deleting.contract import Deletion
from mappings.model.deletion import DeletionCase
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession


def joined() -> bool:
    """Whether this app has it."""
    return hasattr(parts(), "deletion") and hasattr(parts().deletion, "hiding")


def deletion() -> Deletion:
    """The flows behind these pages. Raises `NotFound` where this app has none."""
    if not joined():
        raise NotFound("nothing is hidden or destroyed here", status=404)
    return parts().deletion


def open_requests(session: ClinicalSession) -> Mapping[Reference, tuple[DeletionCase, str]]:
    """Each picture of this patient whose permanent deletion was asked for and is not over, with how it stands."""
    if not joined():
        return {}
    return {
        item.image.reference: (case, words.STATES[item.state][0])
        for case in reversed(deletion().requests.of_patient(session))
        for item in case.items
        if not words.is_over(item)
    }


def hidden_here(session: ClinicalSession) -> frozenset[Reference]:
    """What ordinary view does not show of this patient."""
    return frozenset(each.reference for each in deletion().hiding.of_patient(session)) if joined() else frozenset()


def counted(session: ClinicalSession) -> tuple[int, int]:
    """How many pictures of this patient are hidden, and how many requests for permanent deletion there are."""
    if not joined():
        return 0, 0
    return len(deletion().hiding.of_patient(session)), len(deletion().requests.of_patient(session))
