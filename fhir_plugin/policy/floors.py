"""What no pack can relax: named floors, each a check of a whole pack with its source.

Most floors of the guidance hold because no key reaches them: the engine never asks a pack whether an unsolicited
intimate image is confirmed. Those stand in `keys.Key.floor`. Here are those that a value could break.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fhir_plugin.policy.choices import CareworkerCapture, EmailChannel
from fhir_plugin.policy.contents import RETENTION_CLASSES, PolicyPack, UnusablePack
from mappings.model.work import WorkKind

INTIMATE_SITES = frozenset(
    {
        "76752008",  # breast
        "24142002",  # nipple
        "72005009",  # areola
        "71934003",  # genitals
        "77142006",  # outer genitals
        "18911002",  # penis
        "60319009",  # glans penis
        "20233005",  # scrotum
        "45292006",  # vulva
        "39117004",  # labia
        "76784001",  # vagina
        "38864007",  # perineum
        "53505006",  # anus
        "397158004",  # around the anus
    }
)
"""Breasts, genitals, anus (000:36) and around it (004:31-35), as SNOMED CT body structures."""

LONGEST_UNREVIEWED_YEARS = 3
LONGEST_KEPT_UNSEEN_YEARS = 25
SAME_DAY_HOURS = 24


@dataclass(frozen=True)
class Floor:
    """`holds` says whether a pack is on or above it. `key`: the one to mend. `message`: what must be true."""

    name: str
    key: str
    source: str
    message: str
    holds: Callable[[PolicyPack], bool]


def years_after(day: dt.date, years: int) -> dt.date:
    """The same day so many years later; the 28th for a 29th of February."""
    year = day.year + years
    return day.replace(year=year, day=min(day.day, calendar.monthrange(year, day.month)[1]))


def _within_a_day(kind: WorkKind) -> Callable[[PolicyPack], bool]:
    return lambda pack: pack.work_hours[kind] <= SAME_DAY_HOURS


FLOORS = (
    Floor(
        "child-image-age",
        "age.child_image",
        "X12, G-R115",
        "an image of somebody under 18 is a child's image",
        lambda pack: pack.age_child_image >= pack.law.child_image_age,
    ),
    Floor(
        "age-of-consent",
        "age.consent",
        "X12, G-R81",
        "capacity is presumed from the age that the jurisdiction's law names, no earlier and no later",
        lambda pack: pack.age_consent == pack.law.consent_age,
    ),
    Floor(
        "maturity",
        "age.maturity",
        "G-R245",
        "earlier images are gone through at the age of consent and at 18",
        lambda pack: {pack.law.consent_age, pack.law.child_image_age} <= set(pack.maturity_ages),
    ),
    Floor(
        "intimate-sites",
        "intimate.sites",
        "X11, G-R172",
        "breasts, genitals, perineum, anus and around it are always intimate",
        lambda pack: pack.intimate_sites >= INTIMATE_SITES,
    ),
    Floor(
        "mailboxes-named",
        "email.allowed_domains",
        "X6, G-R129",
        "email is open only to mailboxes whose domains are named",
        lambda pack: pack.email_channel is EmailChannel.OFF or bool(pack.email_allowed_domains),
    ),
    Floor(
        "careworkers-by-agreement",
        "careworker.agreements",
        "X24, G-R324, G-R326",
        "care workers take pictures only under an agreement with their provider",
        lambda pack: pack.careworker_capture is CareworkerCapture.OFF or bool(pack.provider_agreements),
    ),
    Floor(
        "private-offline",
        "online_record.default_private",
        "G-R98",
        "a restricted image is never proposed for the online record",
        lambda pack: not pack.online_default_private,
    ),
    Floor(
        "child-justified-more",
        "capture.shortest_justification_child",
        "G-R113",
        "keeping a child's image needs no less of a reason than an adult's",
        lambda pack: pack.shortest_justification_child >= pack.shortest_justification,
    ),
    Floor(
        "contact-the-same-day",
        "work.unsolicited_hours",
        "G-R116",
        "whoever sent an unsolicited image is contacted within a day",
        _within_a_day(WorkKind.UNSOLICITED),
    ),
    Floor(
        "second-person-within-a-day",
        "work.urgent_review_hours",
        "X10",
        "what went on without a second person is reviewed within 24 hours",
        _within_a_day(WorkKind.URGENT_REVIEW),
    ),
    Floor(
        "concern-the-same-day",
        "work.safeguarding_hours",
        "G-R312",
        "a safeguarding concern is taken up within a day",
        _within_a_day(WorkKind.SAFEGUARDING),
    ),
    Floor(
        "breach-the-same-day",
        "work.breach_hours",
        "UK GDPR Article 33",
        "whether a picture in the wrong chart is a breach is looked at within a day, "
        "of the 72 hours that the law gives",
        _within_a_day(WorkKind.BREACH),
    ),
    Floor(
        "every-image-has-a-term",
        "retention.classes",
        "G-R24, G-R169",
        "adult, child, intimate and deceased each have one retention rule",
        lambda pack: (
            len({each.name for each in pack.retention}) == len(pack.retention)
            and {each.name for each in pack.retention} >= set(RETENTION_CLASSES)
        ),
    ),
    Floor(
        "somebody-looks",
        "retention.classes",
        "G-R169",
        "every kind of image is looked at again within 25 years",
        lambda pack: all(each.review_years <= LONGEST_KEPT_UNSEEN_YEARS for each in pack.retention),
    ),
    Floor(
        "reviewed-in-time",
        "pack.review_by",
        "X26, G-R342",
        "a pack is reviewed after it was written, within three years",
        lambda pack: pack.review_by <= years_after(pack.written_on, LONGEST_UNREVIEWED_YEARS),
    ),
    Floor(
        "emergency-explained",
        "wording.emergency",
        "X26, G-R348",
        "emergency mode needs its text",
        lambda pack: not pack.emergency_mode or bool(pack.wording.emergency),
    ),
    Floor(
        "approved-by-somebody",
        "pack.approved_on",
        "G-R341",
        "an approval has a person and a day",
        lambda pack: bool(pack.approved_by) == (pack.approved_on is not None),
    ),
)


def broken(pack: PolicyPack) -> Iterator[Floor]:
    """Every floor that the pack is below."""
    return (floor for floor in FLOORS if not floor.holds(pack))


def stand_on(pack: PolicyPack) -> PolicyPack:
    """The pack itself. Raises `UnusablePack` naming key and floor, for every floor that it is below."""
    wrong = [f"{floor.key} is below the floor {floor.name}: {floor.message} ({floor.source})" for floor in broken(pack)]
    if wrong:
        raise UnusablePack("the policy pack cannot be used: " + "; ".join(wrong))
    return pack
