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


def with_review_days(image: KeptImage, pack: PolicyPack, filed: dt.date, *, private: bool) -> KeptImage:
    """The image with its days (G-R169, G-R245, G-R248). Without a birth date there is no birthday to wait for yet.

    Filed on or after a birthday, consent was that day's: only birthdays to come ask for another.
    """
    law = pack.law
    on_16 = on_18 = None
    if image.birth_date is not None:
        on_16, on_18 = birthday(image.birth_date, law.consent_age), birthday(image.birth_date, law.child_image_age)
    adult = on_18 is not None and on_18 <= filed
    kept_as = "intimate" if private else "adult" if adult else "child"
    return replace(
        image,
        adult=adult,
        review_at_16=on_16 if on_16 is not None and on_16 > filed else None,
        review_at_18=on_18 if on_18 is not None and on_18 > filed else None,
        retention_review=birthday(filed, pack.retained(kept_as).review_years),
    )
