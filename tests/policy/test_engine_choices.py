"""Every place where the guidance disagrees: each key and each value passes one case and refuses one."""

from __future__ import annotations

import datetime as dt
import inspect
from dataclasses import replace
from enum import StrEnum
from importlib.resources import files
from typing import Any

import pytest

from fhir_plugin.policy import choices
from fhir_plugin.policy.choices import (
    PersonalDevice,
    UnsolicitedOrdinary,
)
from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import PolicyPack, UnusablePack, parse_pack, shipped_pack
from fhir_plugin.policy.ruling import Act, May
from mappings.model.consent import ConsentForm, ConsentScope
from mappings.model.images import Arrival
from mappings.model.situation import (
    ContactOutcome,
    Device,
    ImageKind,
    Modality,
)
from tests.policy import situations as of
from tests.policy.choice_cases import NOT_ASKED, TABLE
from tests.policy.tries import STRICT, Try, asks, does


def test_every_value_of_every_choice_has_a_row() -> None:
    kinds: list[type[StrEnum]] = [
        each
        for _, each in inspect.getmembers(choices, inspect.isclass)
        if issubclass(each, StrEnum) and each.__module__ == choices.__name__
    ]
    assert kinds
    every = {(kind.__name__, value.name) for kind in kinds for value in kind}
    assert every == {(type(value).__name__, value.name) for value, *_ in TABLE}
    assert len(every) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row[0]).__name__}.{row[0]}")
def test_one_case_passes_and_one_is_refused(row: tuple[StrEnum, str, str, Try, Try]) -> None:
    value, _, field, passes, refused = row
    says: dict[str, Any] = {field: value}
    pack = replace(STRICT, **says)
    assert passes(pack)
    assert not refused(pack)


SHIPPED = (files("fhir_plugin.policy") / "packs" / "strict.toml").read_text("utf-8")


def loads(key: str, line: str, instead: str) -> Try:
    """Whether the strict pack loads with one line written differently."""

    def attempt(_pack: PolicyPack) -> bool:
        assert line in SHIPPED, key
        try:
            parse_pack(SHIPPED.replace(line, instead, 1))
        except UnusablePack:
            return False
        return True

    return attempt


XRAY = replace(
    of.TAKEN_NOW,
    consent_receive=NOT_ASKED,
    consent_store=NOT_ASKED,
    image_kind=ImageKind.X_RAY,
    exempt_procedure="X-ray of the hand, today",
)
WRITTEN: dict[str, Any] = {"written_for": frozenset({ConsentScope.STORE})}
EXEMPT: dict[str, Any] = {"exempt_types": frozenset({"ultrasound", "x-ray"})}


# What is not a choice of a few values: (X number, what the pack says, what passes, what is refused).
OTHERS: list[tuple[str, dict[str, Any], Try, Try]] = [
    ("X11", {}, does(of.ADULT), does(of.ADULT, private_site=True)),
    ("X11", {}, does(of.ADULT), does(of.ADULT, patient_says_private=True)),
    ("X12", {}, does(of.ADULT), does(of.ADULT, birth_date=of.born(17))),
    ("X12", {}, does(of.SEVENTEEN), does(of.SEVENTEEN, birth_date=of.born(15))),
    ("X12", {"age_child_image": 21}, does(of.ADULT), does(of.ADULT, birth_date=of.born(20))),
    ("X15", WRITTEN, does(of.ADULT, consent_form=ConsentForm.WRITTEN), does(of.ADULT)),
    ("X15", {}, does(of.ADULT), does(of.ADULT, consent_form=None)),
    ("X16", EXEMPT, does(XRAY), does(XRAY, image_kind=ImageKind.ENDOSCOPY)),
    ("X16", EXEMPT, does(of.VIDEO), does(of.VIDEO, consent_store=NOT_ASKED)),
    ("X26", {"review_by": dt.date(2020, 1, 1)}, does(of.ADULT), does(of.ADULT, record_changed=True)),
]


@pytest.mark.parametrize(("number", "says", "passes", "refused"), OTHERS)
def test_what_is_not_a_choice(number: str, says: dict[str, Any], passes: Try, refused: Try) -> None:
    pack = replace(STRICT, **says)
    assert passes(pack), number
    assert not refused(pack), number


def test_a_retention_text_is_required_or_the_pack_does_not_load() -> None:
    """X17, X26: what a pack must say before it is in force is refused when it loads."""
    assert loads("pack", "", "")(STRICT)
    assert not loads("retention.text_required", "[[retention.classes]]", "[[retention.other]]")(STRICT)
    assert not loads("pack.review_by", "review_by =", "reviewed_by =")(STRICT)


def test_every_disagreement_is_shown_somewhere() -> None:
    shown = {number for _, number, *_ in TABLE} | {number for number, *_ in OTHERS} | {"X17"}
    assert shown == {f"X{number}" for number in range(1, 27)}


def test_a_pack_past_its_review_stays_in_force_and_says_so_on_every_decision() -> None:
    old = replace(STRICT, review_by=of.TODAY - dt.timedelta(days=1))
    decided = rule(of.ADULT, old)
    assert decided.acts[Act.STORE] is May.YES
    assert any(warning.source == "X26" for warning in decided.warnings)
    assert not any(warning.source == "X26" for warning in rule(of.ADULT, STRICT).warnings)


def test_a_search_for_authority_and_the_childs_view_are_asked_under_every_pack() -> None:
    """Floors of X9 and X10."""
    for name in ("strict", "gp-inform-only", "nhs-intimate-2020"):
        pack = shipped_pack(name)
        assert not asks(of.NO_CAPACITY, "authority", Act.STORE)(pack)
        assert not asks(of.CHILD, "child_view", Act.STORE)(pack)
        assert not does(of.NO_CAPACITY, authority=None)(pack)


def test_a_private_image_never_stays_on_somebodys_own_device() -> None:
    for value in PersonalDevice:
        for emergency in (False, True):
            pack = replace(STRICT, personal_device=value, emergency_mode=emergency)
            private = replace(
                of.INTIMATE,
                arrival=Arrival.TAKEN_NOW,
                requested=False,
                photographer=of.TAKEN_NOW.photographer,
                device=Device.PERSONAL,
                modality=Modality.VIDEO,
            )
            acts = rule(private, pack).acts
            assert {acts[Act.REVEAL], acts[Act.STORE], acts[Act.DESCRIBE]} == {May.NO}


def test_unasked_stays_shut_without_contact_whatever_the_pack() -> None:
    for value in UnsolicitedOrdinary:
        pack = replace(STRICT, unsolicited_ordinary=value)
        for contact in (None, ContactOutcome.NOT_REACHED):
            assert not does(of.FIFTEEN_UNASKED, Act.REVEAL, contact=contact)(pack)
