"""The days on which an answer is not due."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.disclose.desk.days_off import LIST_OF, bank_holidays
from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.policy.jurisdiction import Jurisdiction
from tests.disclose.desk.bench import OFFICER, SAID, DeskBench

HOLIDAYS = bank_holidays()
YEARS = range(2026, HOLIDAYS.until.year + 1)


def easter(year: int) -> dt.date:
    """Sunday, by the anonymous Gregorian algorithm (Meeus)."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    h = (19 * a + b - d - (b - f + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + m - 7 * ((a + 11 * h + 22 * m) // 451) + 114, 31)
    return dt.date(year, month, day + 1)


def test_every_part_of_the_kingdom_has_a_list() -> None:
    assert set(LIST_OF) == set(Jurisdiction) and set(LIST_OF.values()) == set(HOLIDAYS.days)
    assert all(day <= HOLIDAYS.until and day.weekday() < 5 for days in HOLIDAYS.days.values() for day in days)


@pytest.mark.parametrize("name", sorted(HOLIDAYS.days))
@pytest.mark.parametrize("year", YEARS)
def test_each_year_is_whole(name: str, year: int) -> None:
    days = {day for day in HOLIDAYS.days[name] if day.year == year}
    assert len(days) == {"england-and-wales": 8, "scotland": 9, "northern-ireland": 10}[name] + (
        (name, year) == ("scotland", 2026)  # for the World Cup
    )
    sunday = easter(year)
    assert sunday - dt.timedelta(days=2) in days
    assert (sunday + dt.timedelta(days=1) in days) is (name != "scotland")
    may = sorted(day for day in days if day.month == 5)
    assert [day.weekday() for day in may] == [0, 0] and may[0].day <= 7 and may[1].day >= 25
    [august] = [day for day in days if day.month == 8]
    assert august.weekday() == 0 and (august.day <= 7 if name == "scotland" else august.day >= 25)
    assert len([day for day in days if day.month == 12 and day.day >= 25]) == 2


@pytest.mark.parametrize(
    ("where", "received", "due"),
    [
        ("england", "2026-11-25", dt.date(2026, 12, 29)),  # Christmas, a weekend, and Boxing Day on Monday
        ("scotland", "2026-10-30", dt.date(2026, 12, 1)),  # St Andrew's Day
        ("wales", "2026-10-30", dt.date(2026, 11, 30)),
        ("northern-ireland", "2027-02-17", dt.date(2027, 3, 18)),
        ("england", "2027-02-26", dt.date(2027, 3, 30)),
        ("scotland", "2027-02-26", dt.date(2027, 3, 29)),
        ("england", "2029-11-25", dt.date(2029, 12, 25)),  # not known yet: early, not late
    ],
)
def test_an_answer_is_due_on_the_next_working_day_of_its_country(where: str, received: str, due: dt.date) -> None:
    bench = DeskBench(fill=False, policy_of=lambda pack: replace(pack, jurisdiction=Jurisdiction(where)))
    bench.clock.advance(days=(dt.date.fromisoformat(received) - bench.parts.today).days)
    bench.record.put({"resourceType": "Patient", "id": "amy", "name": [{"text": "Amy Example"}]})
    request = bench.desk.begin(OFFICER, Facts(SAID | {"received": received}))
    assert bench.desk.due(request)[0] == due == bench.view(request).due
    (item,) = bench.worklist.of_patient(bench.record.base, bench.parts.requests.get(request.id).patient)
    assert item.due.date() == due + dt.timedelta(days=1)
