"""No combination files or describes an intimate or under-18 image without its required decisions.

Every combination of the answers that bear on it, in four blocks (within a block everything that it does not vary has
been answered), under each shipped pack, held against an oracle that is written from the guidance and shares nothing
with the engine. CI walks every 41st combination; the whole is `exhaustive`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from math import prod
from typing import Any

import pytest

from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ChildView, ConsentAnswer, Grantor
from mappings.model.images import Arrival, Photographer
from mappings.model.labels import Intimacy
from mappings.model.situation import Authority, ChaperoneOutcome, ContactOutcome, Device, Modality
from tests.policy import situations as of
from tests.policy.oracle import is_childs, is_intimate, lacking

PACKS = tuple(shipped_pack(name) for name in ("strict", "gp-inform-only", "nhs-intimate-2020"))
Part = Mapping[str, Any]
LONG = "A reason that is long enough for any pack that comes with the app"

COMPLETE = replace(
    of.FIFTEEN_UNASKED,
    requested=True,
    preauthorised_private=True,
    arrival=Arrival.OUR_LINK,
    device=Device.ORGANISATION,
    giver_name="Synthetic Parent",
    giver_relationship="Mother",
    giver_evidence=LONG,
    capacity_words=LONG,
    authority_evidence=LONG,
    best_interests=LONG,
    less_restrictive=LONG,
    child_words=LONG,
    override_reason=LONG,
    lacks_capacity=None,
    safeguarding_advice=LONG,
    emergency_reason=LONG,
    exceptional_reason=LONG,
    store_justification=LONG,
    keep_best_interests=LONG,
    legitimate_reason=LONG,
    recording_reason=LONG,
    consent_record_video=ConsentAnswer.GIVEN,
    recording_confirmed=True,
    chaperone_reason=LONG,
    helper_agreed=True,
    consent_view=ConsentAnswer.GIVEN,
    alternative_offered=LONG,
)

CONFIRMED: tuple[Part, ...] = ({}, {"lacks_capacity": False})
WHO: tuple[Part, ...] = (
    {"birth_date": None},
    {"birth_date": of.born(9)},
    {"birth_date": of.born(15)},
    {"birth_date": of.born(17)},
    {"birth_date": of.born(46)},
    {"birth_date": of.born(46), "captured_on": dt.date(1990, 1, 1)},
    {"birth_date": of.born(46), "captured_on": None},
)
PRIVACY: tuple[Part, ...] = (
    {"intimacy": Intimacy.INTIMATE},
    {"intimacy": Intimacy.PRIVATE},
    {"intimacy": Intimacy.NO},
    {"intimacy": None},
    {"intimacy": Intimacy.NO, "private_site": True},
    {"intimacy": Intimacy.NO, "patient_says_private": True, "intimacy_cleared_reason": LONG},
)
ARRIVAL: tuple[Part, ...] = (
    {},
    {"preauthorised_private": False},
    {"requested": False, "preauthorised_private": False, "arrival": Arrival.UNASKED},
    {"requested": False, "arrival": Arrival.TAKEN_NOW, "photographer": Photographer.CLINICIAN},
)
CAPACITY: tuple[Part, ...] = (
    {},
    {"capacity_doubt": True},
    {"capacity_doubt": True, "lacks_capacity": True, "authority": Authority.NONE_KNOWN},
    {
        "capacity_doubt": True,
        "lacks_capacity": True,
        "authority": Authority.ATTORNEY,
        "authority_covers": True,
        "authority_answer": ConsentAnswer.GIVEN,
    },
    {
        "capacity_doubt": True,
        "lacks_capacity": True,
        "authority": Authority.DEPUTY,
        "authority_covers": True,
        "authority_answer": ConsentAnswer.REFUSED,
    },
)
SECOND: tuple[Part, ...] = (
    {"second_person": True},
    {"second_person": False, "urgent_reason": LONG},
    {"second_person": None},
    {"second_person": None, "urgent_reason": LONG},
)
CHAPERONE: tuple[Part, ...] = (
    {},
    {"chaperone": None},
    {"chaperone": ChaperoneOutcome.NOT_OFFERED},
    {"chaperone": ChaperoneOutcome.DECLINED, "chaperone_reason": ""},
    {"chaperone_family": True},
)


def each(name: str, *values: Any) -> tuple[Part, ...]:
    return tuple({name: value} for value in values)


BLOCKS: dict[str, tuple[tuple[Part, ...], ...]] = {
    "who decides": (
        WHO,
        CAPACITY,
        each("gillick", None, True, False),
        each("child_view", None, *ChildView),
        each("giver", None, *Grantor),
        (
            {"consent_store": ConsentAnswer.GIVEN},
            {"consent_store": ConsentAnswer.NOT_ASKED},
            {"consent_receive": ConsentAnswer.NOT_ASKED, "consent_store": ConsentAnswer.NOT_ASKED},
        ),
        SECOND[:3],
        each("override_reason", "", LONG),
    ),
    "intimate": (
        WHO,
        PRIVACY,
        ARRIVAL,
        CHAPERONE,
        each("intimate_necessary", None, True, False),
        each("store_justification", "", LONG),
        each("legitimate_reason", "", LONG),
        each("keep_best_interests", "", LONG),
        SECOND[1:],
    ),
    "unasked": (
        WHO,
        PRIVACY,
        ARRIVAL,
        each("contact", None, *ContactOutcome),
        (
            {"contact_words": ""},
            {"contact_words": LONG},
            {"contact_words": LONG, "consent_view": None},
            {"contact_words": LONG, "consent_view": ConsentAnswer.REFUSED},
        ),
        CONFIRMED,
        each("consent_receive", None, *ConsentAnswer),
        each("consent_store", None, *ConsentAnswer),
    ),
    "sexual health": (
        WHO,
        PRIVACY,
        ARRIVAL,
        each("sexual_health", False, True),
        each("vulnerable", False, True),
        each("exceptional_reason", "", LONG),
        each("modality", Modality.PHOTO, Modality.VIDEO),
        SECOND[1:],
    ),
}
SIZE = sum(prod(map(len, block)) for block in BLOCKS.values()) * len(PACKS)


def combinations(block: str) -> Iterator[dict[str, Any]]:
    for parts in product(*BLOCKS[block]):
        changes: dict[str, Any] = {}
        for part in parts:
            changes |= part
        yield changes


def walk(block: str, *, step: int = 1) -> Counter[str]:
    """Rules every `step`-th combination under every pack; how many were allowed. Fails on the first that may not be."""
    allowed: Counter[str] = Counter()
    for changes in islice(combinations(block), 0, None, step):
        situation = replace(COMPLETE, **changes)
        sensitive = is_intimate(situation) or is_childs(situation) or situation.intimacy is None
        for pack in PACKS:
            acts = rule(situation, pack).acts
            for act, filing in ((Act.STORE, True), (Act.DESCRIBE, False)):
                if acts[act] is May.YES:
                    allowed[f"{act} {pack.id}"] += 1
                    if sensitive:
                        assert not lacking(situation, pack, filing=filing), (pack.id, act, changes)
    return allowed


def test_the_whole_is_under_a_million() -> None:
    assert 500_000 < SIZE < 1_000_000


@pytest.mark.parametrize("block", BLOCKS)
def test_nothing_sensitive_goes_on_without_its_decisions(block: str) -> None:
    allowed = walk(block, step=41)
    assert {f"{act} {pack.id}" for act in (Act.STORE, Act.DESCRIBE) for pack in PACKS} == set(allowed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("block", BLOCKS)
def test_nothing_sensitive_goes_on_without_its_decisions_in_any_combination(block: str) -> None:
    allowed = walk(block)
    assert {f"{act} {pack.id}" for act in (Act.STORE, Act.DESCRIBE) for pack in PACKS} == set(allowed)


def test_the_oracle_can_say_no() -> None:
    assert lacking(COMPLETE, PACKS[0], filing=True) == []
    assert lacking(replace(COMPLETE, legitimate_reason=""), PACKS[0], filing=True) == ["no legitimate reason"]
    assert lacking(replace(COMPLETE, keep_best_interests=""), PACKS[0], filing=False) == []
