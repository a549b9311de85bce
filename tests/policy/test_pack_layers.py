"""Overlays on a base: whose word counts, what is refused, and that no combination is ever below a floor."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.policy.choices import Crop
from fhir_plugin.policy.contents import PolicyPack
from fhir_plugin.policy.floors import FLOORS, INTIMATE_SITES, broken
from fhir_plugin.policy.keys import BY_NAME, KEYS
from fhir_plugin.policy.layers import read_layer
from fhir_plugin.policy.pack import UnusablePack, load_pack, parse_pack, shipped_layer, shipped_layers, shipped_pack
from fhir_plugin.policy.values import Choice, Whole
from tests.policy.packs import BASES, OVERLAYS, base, overlay

ALL = [*BASES, *OVERLAYS]
IDENTITY = {key.name for key in KEYS if key.identity}


def crops(crop: str) -> dict[str, Any]:
    return {"crop.before_filing": crop}


SETTING = {"id": "care-homes", "setting": "care home"}
SPECIALTY = {"id": "burns", "specialty": "burns"}
OWN = {"id": "elm-tree", "organisation": "Elm Tree Surgery"}
PROMPT, REQUIRED = crops("prompt"), crops("required_or_reason")


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ([], "prompt"),
        ([(SETTING, REQUIRED)], "required_or_reason"),
        ([(SPECIALTY, REQUIRED)], "required_or_reason"),
        ([(OWN, REQUIRED)], "required_or_reason"),
        ([(SPECIALTY, PROMPT), (SETTING, REQUIRED)], "prompt"),
        ([(SPECIALTY, REQUIRED), (SETTING, PROMPT)], "required_or_reason"),
        ([(OWN, PROMPT), (SPECIALTY, REQUIRED), (SETTING, REQUIRED)], "prompt"),
        ([(OWN, REQUIRED), (SPECIALTY, PROMPT), (SETTING, PROMPT)], "required_or_reason"),
    ],
)
def test_the_organisation_counts_before_the_specialty_and_that_before_the_setting(
    said: list[tuple[dict[str, str], dict[str, Any]]], counts: str
) -> None:
    texts = [overlay(changes, **names) for names, changes in said]
    packs = [parse_pack(base(), *order) for order in itertools.permutations(texts)]
    assert {pack.crop for pack in packs} == {Crop(counts)}, "the order of the files decides nothing"
    assert len({pack.reference for pack in packs}) == 1
    deciding = next(each for each in packs[0].said if each.key == "crop.before_filing")
    winner = next((names["id"] for names, _ in sorted(said, key=lambda each: "organisation" not in each[0])), "strict")
    assert deciding.layer == (winner if said else "strict")


def test_an_overlay_that_names_an_organisation_and_a_specialty_is_the_organisations() -> None:
    both = overlay(REQUIRED, id="elm-burns", organisation="Elm Tree Surgery", specialty="burns")
    assert parse_pack(base(), both, overlay(PROMPT, **SPECIALTY)).crop is Crop.REQUIRED_OR_REASON


def test_overlays_of_one_level_may_not_contradict_each_other() -> None:
    one, other = overlay(PROMPT, **SPECIALTY), overlay(REQUIRED, id="hands", specialty="hand surgery")
    for pair in ((one, other), (other, one)):
        with pytest.raises(UnusablePack, match=r"burns and hands.*crop\.before_filing"):
            parse_pack(base(), *pair)
        assert parse_pack(base(), *pair, overlay(REQUIRED, **OWN)).crop is Crop.REQUIRED_OR_REASON
    same = overlay(PROMPT, id="hands", specialty="hand surgery")
    assert parse_pack(base(), one, same).specialty == "burns + hand surgery"


def test_what_a_combination_is_called_and_when_it_is_reviewed() -> None:
    soon = overlay(REQUIRED, version="7", **SPECIALTY).replace("review_by = 2027-11-30", "review_by = 2027-01-31")
    pack = parse_pack(base(), overlay(None, **OWN), soon)
    assert pack.reference == "strict+burns+elm-tree/2026.11+7+1"
    assert (pack.organisation, pack.specialty, pack.setting) == ("Elm Tree Surgery", "burns", "any")
    assert pack.review_by == dt.date(2027, 1, 31), "the first of them that has to be looked at"
    assert [source.cited for source in pack.sources] == ["000", "004", "002", "003", "001", "T"]


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [overlay(REQUIRED, **SPECIALTY)],
        [base(), base(on="gp-inform-only")],
        [base(), base()],
        [base(), overlay(None, **SPECIALTY), overlay(None, **SPECIALTY)],
        [base(), overlay(REQUIRED)],
    ],
    ids=["nothing", "no base", "two bases", "twice the same base", "twice the same overlay", "for nobody"],
)
def test_what_does_not_go_together_is_refused(texts: list[str]) -> None:
    with pytest.raises(UnusablePack):
        load_pack([read_layer(text) for text in texts])


@pytest.mark.parametrize(
    "names", ["dermatology", "dermatology+wounds", "strict+gp-inform-only", "", "+", "strict+", "x"]
)
def test_a_setting_that_names_no_base_and_overlays_is_refused(names: str) -> None:
    with pytest.raises(UnusablePack):
        shipped_pack(names)


def test_an_overlay_says_only_what_it_changes() -> None:
    """Every shipped overlay leaves everything else as the base has it."""
    for on, name in itertools.product(BASES, OVERLAYS):
        says = set(shipped_layer(name).values) - IDENTITY
        assert 0 < len(says) < 12
        for before, after in zip(shipped_pack(on).said, shipped_pack(f"{on}+{name}").said, strict=True):
            assert before.key in says | IDENTITY or before.value == after.value
            if before.key in says - {"guidance.links"}:
                assert (after.layer, after.reason) == (name, shipped_layer(name).reasons.get(before.key, after.reason))


CHANGED = {
    "dermatology": {
        "request.most_images": 6,
        "request.lasts_hours": 168,
        "second_opinion.lasts_hours": 168,
        "capture.lossless": "when-asked",
        "crop.before_filing": "prompt",
    },
    "wounds": {
        "request.most_images": 4,
        "request.answer_within_hours": 24,
        "work.came_back_hours": 24,
        "crop.before_filing": "required_or_reason",
    },
    "sexual-health": {
        "sexual_health.always": True,
        "intimate.default": "describe_and_discard",
        "admin.preview": "none",
        "child.parent_contact": "never_auto",
        "online_record.ask": True,
        "online_record.default_ordinary": "no",
        "request.most_images": 2,
        "work.unsolicited_hours": 4,
        "capture.shortest_justification": 20,
        "capture.shortest_justification_child": 30,
    },
    "paediatrics": {
        "unsolicited.non_intimate": "confirm",
        "online_record.ask": True,
        "online_record.default_ordinary": "no",
        "capture.shortest_justification_child": 40,
        "work.unsolicited_hours": 4,
    },
}
"""What each shipped overlay decides, whatever it goes on top of."""


@pytest.mark.parametrize("on", BASES)
@pytest.mark.parametrize("name", OVERLAYS)
def test_what_each_overlay_decides(name: str, on: str) -> None:
    said = {each.key: each.value for each in shipped_pack(f"{on}+{name}").said if each.layer == name}
    assert {key: value for key, value in said.items() if not key.startswith("wording.")} == CHANGED[name]


FLOOR_BREAKERS: list[dict[str, Any]] = [
    {"age.child_image": 16},
    {"age.consent": 14},
    {"age.maturity": [21]},
    {"intimate.sites": sorted(INTIMATE_SITES)[1:]},
    {"channel.email": "allowed", "email.allowed_domains": []},
    {"careworker.capture": "per_provider_agreement"},
    {"online_record.default_private": "yes"},
    {"work.unsolicited_hours": 72},
    {"pack.emergency_mode": "on"},
]


@pytest.mark.parametrize("names", [SETTING, SPECIALTY, OWN], ids=["setting", "specialty", "organisation"])
@pytest.mark.parametrize("changes", FLOOR_BREAKERS, ids=lambda changes: next(iter(changes)))
def test_no_overlay_of_any_level_relaxes_a_floor(changes: dict[str, Any], names: dict[str, str]) -> None:
    with pytest.raises(UnusablePack, match="below the floor"):
        parse_pack(base(), overlay(changes, **names))


WORDS = st.sampled_from(
    sorted({str(value) for key in KEYS if isinstance(key.kind, Choice) for value in key.kind.values})
)
ANYTHING = st.one_of(
    st.booleans(),
    st.integers(-3, 10**7),
    WORDS,
    st.sampled_from(["", "not-yet", "any", "on", "off", "yes", "no", "https://a.example/", "nhs.net"]),
    st.text(max_size=12),
    st.dates(dt.date(2000, 1, 1), dt.date(2040, 1, 1)),
    st.lists(st.one_of(WORDS, st.sampled_from(sorted(INTIMATE_SITES)), st.integers(0, 30)), max_size=16),
)


def fitting(name: str) -> st.SearchStrategy[Any]:
    """Mostly values that the key takes, so that packs get past reading and meet the floors."""
    kind = BY_NAME[name].kind
    if isinstance(kind, Choice):
        return st.sampled_from([str(each) for each in kind.values])
    if isinstance(kind, Whole):
        return st.integers(kind.least, min(kind.most, 10**6))
    shipped = st.sampled_from([shipped_layer(on).values[name] for on in BASES])
    return st.one_of(shipped, st.booleans(), ANYTHING)


CHANGEABLE = sorted(name for name in BY_NAME if name not in IDENTITY and not name.startswith("wording"))
CHANGES = st.lists(st.sampled_from(CHANGEABLE), min_size=1, max_size=8, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: fitting(name) for name in names})
)


def names_what_is_wrong(error: UnusablePack, changed: set[str]) -> bool:
    """The message names a changed key, or the floor that a changed key broke."""
    text = str(error)
    return any(name in text for name in changed) or any(floor.name in text for floor in FLOORS)


@given(on=st.sampled_from(BASES), name=st.sampled_from([key.name for key in KEYS]), value=ANYTHING)
def test_a_changed_key_is_refused_by_name_or_changes_nothing_else(on: str, name: str, value: Any) -> None:
    before = shipped_pack(on)
    try:
        pack = parse_pack(base(on=on, **{name.replace(".", "__"): value}))
    except UnusablePack as error:
        assert names_what_is_wrong(error, {name})
        return
    differing = [mine.key for mine, theirs in zip(before.said, pack.said, strict=True) if mine.value != theirs.value]
    assert differing in ([], [name])
    assert list(broken(pack)) == []
    if not differing:
        assert pack == before


@given(
    on=st.sampled_from(BASES),
    changes=CHANGES,
    more=st.sets(st.sampled_from(OVERLAYS)),
    names=st.sampled_from([SETTING, SPECIALTY, OWN]),
)
def test_no_combination_of_overlays_is_below_a_floor(
    on: str, changes: dict[str, Any], more: set[str], names: dict[str, str]
) -> None:
    layers = [*shipped_layers("+".join([on, *sorted(more)]))]
    packs: list[PolicyPack | str] = []
    for turned in (False, True):
        try:
            layer = read_layer(overlay(changes, **names))
            together = [*layers, layer]
            packs.append(load_pack(together[::-1] if turned else together))
        except UnusablePack as error:
            assert re.search(r"key|floor|different things", error.message)
            packs.append(error.message)
    assert packs[0] == packs[1]
    if isinstance(packs[0], PolicyPack):
        assert list(broken(packs[0])) == []
        assert packs[0].intimate_sites >= INTIMATE_SITES and packs[0].age_child_image >= 18
