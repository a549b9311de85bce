"""The clock of a request.

It begins on the day on which the request came in; where the organisation had to ask who somebody is, on the day on
which the proof came (ICO, right of access, "When does the time limit start?"). Until proof has come the desk counts
from the first day all the same: who waits for proof and gets none has lost nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from fhir_plugin.disclose.decide import Rules
from mappings.model.disclosure_request import DisclosureRequest


class Calendar(Protocol):
    """What the clock depends on. `days_off`: the bank holidays here."""

    @property
    def rules(self) -> Rules: ...
    @property
    def days_off(self) -> frozenset[dt.date]: ...
    @property
    def today(self) -> dt.date: ...


def due_day(request: DisclosureRequest, calendar: Calendar) -> dt.date | None:
    """The last day to answer; None where the law names none."""
    return _due_day(request, calendar, extended=bool(request.extended_because))


def first_due_day(request: DisclosureRequest, calendar: Calendar) -> dt.date | None:
    """The same as if it had not been extended: until then whoever asked has to be told of an extension."""
    return _due_day(request, calendar, extended=False)


def _due_day(request: DisclosureRequest, calendar: Calendar, *, extended: bool) -> dt.date | None:
    limit = calendar.rules.rows[request.requester].time_limit
    begins = request.received if request.identity_on is None else max(request.received, request.identity_on)
    return limit.due(begins, extended=extended, holidays=calendar.days_off)


def days_left(request: DisclosureRequest, calendar: Calendar) -> int | None:
    """Negative: late by so many days."""
    due = due_day(request, calendar)
    return None if due is None else (due - calendar.today).days
