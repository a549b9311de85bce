"""What other pages say about hiding and permanent deletion: how one picture stands, and how many are hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhir_plugin.web.asking import parts
from fhir_plugin.web.deleting import words
from fhir_plugin.web.deleting.contract import Deletion, HandOver
from mappings.model.deletion import DeletionCase
from mappings.model.identifiers import Reference
from mappings.model.people import ClinicalSession


def deletion() -> Deletion:
    """The flows behind these pages."""
    return parts().deletion


def open_requests(session: ClinicalSession) -> Mapping[Reference, tuple[DeletionCase, str]]:
    """Each picture of this patient whose permanent deletion was asked for and is not over, with how it stands."""
    return {
        item.image.reference: (case, words.STATES[item.state][0])
        for case in reversed(deletion().requests.of_patient(session))
        for item in case.items
        if not words.is_over(item)
    }


def handed_over(session: ClinicalSession) -> Sequence[HandOver]:
    """Pictures that were in a wrong chart and wait for this person, who may file them in this one."""
    return deletion().hand_overs.waiting(session)


def hidden_here(session: ClinicalSession) -> frozenset[Reference]:
    """What ordinary view does not show of this patient."""
    return frozenset(each.reference for each in deletion().hiding.of_patient(session))


def counted(session: ClinicalSession) -> tuple[int, int]:
    """How many pictures of this patient are hidden, and how many requests for permanent deletion there are."""
    return len(deletion().hiding.of_patient(session)), len(deletion().requests.of_patient(session))
