"""When a request for permanent deletion is due, and when the patient who asked has to be answered.

UK GDPR, Article 12(3): within one month of the request. ICO, right to erasure: the corresponding date of the next
month, its last day where there is none, and where that is a weekend or a public holiday, the next working day.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Collection
from typing import Final

from fhir_plugin.policy.clock_times import UK

_SATURDAY: Final = 5
LONGEST: Final = dt.timedelta(days=90)
"""Between two looks for what could not be proven, however often it was in vain."""


def reply_due(asked: dt.date, days_off: Collection[dt.date] = ()) -> dt.date:
    """The last day to answer a patient who asked on that day. `days_off`: public holidays here."""
    year, month = (asked.year + 1, 1) if asked.month == 12 else (asked.year, asked.month + 1)
    day = dt.date(year, month, min(asked.day, calendar.monthrange(year, month)[1]))
    while day.weekday() >= _SATURDAY or day in days_off:
        day += dt.timedelta(days=1)
    return day


def due_on(created: dt.datetime, within: dt.timedelta, answer_by: dt.date | None) -> dt.date:
    """By when somebody decides: as policy says, and never after the day on which the patient is to be answered."""
    day = uk_day(created + within)
    return day if answer_by is None else max(uk_day(created), min(day, answer_by))


def uk_day(moment: dt.datetime) -> dt.date:
    """The day of the practice on which something happened."""
    return moment.astimezone(UK).date()


def end_of(day: dt.date) -> dt.datetime:
    """The last moment of a day of the practice, as a work item counts as late."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), UK).astimezone(dt.UTC)


def next_look(now: dt.datetime, wait: dt.timedelta, vain: int) -> dt.datetime:
    """When it is looked again for what could not be proven, after `vain` looks before this one: after `wait`, as policy
    says, and twice as long each time."""
    return now + min(wait * (1 << min(max(vain, 0), 10)), max(wait, LONGEST))
