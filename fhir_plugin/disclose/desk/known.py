"""What our own records say about the items of a record: hidden, given in confidence, and a professional's opinion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Final

from fhir_plugin.disclose.desk.gathered import Gathered
from fhir_plugin.disclose.desk.hidden_copies import is_hidden_copy
from fhir_plugin.disclose.desk.parts import DeskParts
from mappings.model.consent import Grantor
from mappings.model.disclosure import ItemFacts, Opinion
from mappings.model.disclosure_request import DisclosureRequest, ItemKey
from mappings.model.identifiers import Reference
from mappings.r4.consent import from_consent
from mappings.r4.errors import MappingError

_NOTHING: Final = ItemFacts()


def facts_known(
    parts: DeskParts, request: DisclosureRequest, gathered: Gathered, shown_by: Mapping[str, frozenset[ItemKey]]
) -> Callable[[str], ItemFacts]:
    """About `Type/id`. What is known of a picture is known of the Binary it lies in (`shown_by`), too."""
    confided = _confided(parts, request, gathered)
    hidden = parts.hidden.references(request.fhir_base, request.patient)
    readable = {each.reference: each for each in parts.hidden.of_patient(request.fhir_base, request.patient)}

    def of(key: str) -> ItemFacts:
        said = request.opinions.get(ItemKey(key))
        about = Reference(key)
        return ItemFacts(
            hidden=is_hidden_copy(key) or about in hidden,
            in_error=about in hidden and (about not in readable or readable[about].wrong_patient),
            confided=key in confided,
            opinion=said.opinion if said is not None else Opinion.NOT_ASKED,
        )

    def known(key: str) -> ItemFacts:
        return reduce(_both, map(of, shown_by.get(key, ())), of(key)) if key else _NOTHING

    return known


def _both(one: ItemFacts, other: ItemFacts) -> ItemFacts:
    order = (Opinion.NOT_ASKED, Opinion.NO_HARM, Opinion.SERIOUS_HARM)
    opinion = max(one.opinion, other.opinion, key=order.index)
    return ItemFacts(
        one.hidden or other.hidden, one.in_error or other.in_error, one.confided or other.confided, opinion
    )


def _confided(parts: DeskParts, request: DisclosureRequest, gathered: Gathered) -> frozenset[str]:
    """Images that a competent child agreed to themselves (G-R263)."""
    found = set()
    for image in parts.kept.of_patient(request.fhir_base, request.patient):
        consent = gathered.by_key.get(ItemKey(image.consent)) if image.consent is not None else None
        if consent is None:
            continue
        try:
            giver = from_consent(consent).giver
        except MappingError:
            continue
        if giver.right is Grantor.COMPETENT_CHILD:
            found.add(str(image.reference))
    return frozenset(found)
