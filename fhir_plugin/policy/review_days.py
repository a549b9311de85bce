"""When somebody looks again at what was filed: at the birthdays that change who decides, and as retention asks."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from fhir_plugin.policy.contents import PolicyPack
from mappings.model.kept import KeptImage


def birthday(born: dt.date, age: int) -> dt.date:
    """The day on which somebody turns `age`; born on 29 February, that is 1 March where there is no 29th."""
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return dt.date(born.year + age, 3, 1)


def maturity_days(born: dt.date | None, after: dt.date, pack: PolicyPack) -> tuple[dt.date | None, dt.date | None]:
    """The next birthday that asks for a review after a day: of those while still a child, and of those since.

    `maturity_ages` of the pack; 16 and 18 where it says nothing else (G-R245). None: there is none to come.
    """
    if born is None:
        return None, None
    line = pack.law.child_image_age
    to_come = [(age, birthday(born, age)) for age in sorted(pack.maturity_ages) if birthday(born, age) > after]
    as_child = next((day for age, day in to_come if age < line), None)
    as_adult = next((day for age, day in to_come if age >= line), None)
    return as_child, as_adult


def age_reached(born: dt.date, today: dt.date, pack: PolicyPack) -> int:
    """The last of the ages that ask for a review which somebody has reached; 0 before the first."""
    return max((age for age in pack.maturity_ages if birthday(born, age) <= today), default=0)


def with_review_days(image: KeptImage, pack: PolicyPack, filed: dt.date, *, private: bool) -> KeptImage:
    """The image with its days (G-R169, G-R245, G-R248). Without a birth date there is no birthday to wait for yet.

    Filed on or after a birthday, consent was that day's: only birthdays to come ask for another; an adult's image
    asks for none.
    """
    born = image.birth_date
    adult = born is not None and birthday(born, pack.law.child_image_age) <= filed
    as_child, as_adult = (None, None) if adult else maturity_days(born, filed, pack)
    kept_as = "intimate" if private else "adult" if adult else "child"
    return replace(
        image,
        adult=adult,
        review_at_16=as_child,
        review_at_18=as_adult,
        retention_review=birthday(filed, pack.retained(kept_as).review_years),
    )
