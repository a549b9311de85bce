"""The clock of a request.

It begins on the day on which the request came in; where the organisation had to ask who somebody is, on the day on
which the proof came (ICO, right of access, "When does the time limit start?"). Until proof has come the desk counts
from the first day all the same: who waits for proof and gets none has lost nothing.
"""

from __future__ import annotations

import datetime as dt

from fhir_plugin.disclose.decide import Rules
from mappings.model.disclosure_request import DisclosureRequest


def due_day(request: DisclosureRequest, rules: Rules) -> dt.date | None:
    """The last day to answer; None where the law names none."""
    limit = rules.rows[request.requester].time_limit
    begins = request.received if request.identity_on is None else max(request.received, request.identity_on)
    return limit.due(begins, extended=bool(request.extended_because))


def days_left(request: DisclosureRequest, rules: Rules, today: dt.date) -> int | None:
    """Negative: late by so many days."""
    due = due_day(request, rules)
    return None if due is None else (due - today).days
