"""What waits at the desk for one person, in words for where they arrive."""

from __future__ import annotations

from fhir_plugin.errors import PluginError
from fhir_plugin.web.disclosing.blueprint import DESK, desk, signed_first
from mappings.model.disclosure_request import DisclosureRequest, RequestState
from mappings.model.people import ClinicalSession, Role

NOT_TOLD = "What waits there cannot be told just now. Open the list to see."


def hidden_waiting(session: ClinicalSession, request: DisclosureRequest) -> int:
    """How many hidden items of this patient's request this person has to decide about."""
    if Role.PRIVACY_OFFICER not in session.user.roles or not request.is_open or request.gathered is None:
        return 0
    return sum(item.hidden and item.asks is not None for item in desk().view(session, request.id).items)


def signature_waits(session: ClinicalSession, request: DisclosureRequest) -> bool:
    """Whether it was signed once by somebody else, so that this person may sign as the second."""
    return request.state is RequestState.WAITS_FOR_SECOND and not signed_first(session, request)


def waiting_words(session: ClinicalSession) -> list[str]:
    """Each kind in a sentence; nothing where nothing waits, or they do not work there."""
    if not session.user.roles & frozenset(DESK):
        return []
    try:
        here = desk().of_patient(session)
        known = {each.id for each in here}
        hidden = sum(hidden_waiting(session, each) for each in here)
        signatures = sum(signature_waits(session, each) for each in here)
        elsewhere = sum(
            each.state is RequestState.WAITS_FOR_SECOND for each in desk().of_practice(session) if each.id not in known
        )
    except PluginError:  # where they arrive opens whatever became of one request: the desk itself says what
        return [NOT_TOLD]
    return [
        words
        for number, words in (
            (hidden, _waits(hidden, "hidden item", "for you to decide")),
            (signatures, _waits(signatures, "request", "for your signature as second person")),
            (elsewhere, f"{_waits(elsewhere, 'request', 'for a second person')} (other patients)"),
        )
        if number
    ]


def _waits(number: int, what: str, for_what: str) -> str:
    return f"{number} {what} waits {for_what}" if number == 1 else f"{number} {what}s wait {for_what}"
