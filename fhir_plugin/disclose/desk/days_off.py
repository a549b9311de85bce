"""Bank holidays, by part of the United Kingdom: an answer that falls due on one is due on the next working day.

ICO, right of access, "How long do we have to comply?": the corresponding date of the next month, and where that is a
weekend or a public holiday, the next working day.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from fhir_plugin.policy.jurisdiction import Jurisdiction

LIST_OF: Final[Mapping[Jurisdiction, str]] = {
    Jurisdiction.ENGLAND: "england-and-wales",
    Jurisdiction.WALES: "england-and-wales",
    Jurisdiction.SCOTLAND: "scotland",
    Jurisdiction.NORTHERN_IRELAND: "northern-ireland",
}


@dataclass(frozen=True)
class BankHolidays:
    """`until`: the last day for which they are known. After it only weekends are: then the clock is early, not late."""

    days: Mapping[str, frozenset[dt.date]]
    until: dt.date

    def of(self, jurisdiction: Jurisdiction) -> frozenset[dt.date]:
        return self.days[LIST_OF[jurisdiction]]


@cache
def bank_holidays() -> BankHolidays:
    """As they came with this version."""
    text = resources.files("fhir_plugin.disclose.desk").joinpath("bank_holidays.toml").read_text(encoding="utf-8")
    said = tomllib.loads(text)
    return BankHolidays({name: frozenset(days) for name, days in said["days"].items()}, said["until"])
