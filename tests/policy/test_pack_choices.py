"""For each key of X1 to X26 and each of its values: one pack that loads, and what is refused, from the enums."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from fhir_plugin.policy import choices
from fhir_plugin.policy.floors import FLOORS, INTIMATE_SITES
from fhir_plugin.policy.jurisdiction import LAWS, Jurisdiction
from fhir_plugin.policy.key import Key
from fhir_plugin.policy.keys import BY_NAME, KEYS
from fhir_plugin.policy.keys_of_choices import CHOICE_KEYS, EXEMPT_TYPES
from fhir_plugin.policy.pack import UnusablePack, parse_pack, shipped_layer
from fhir_plugin.policy.values import Choice, Flag, Pair
from mappings.model.consent import ConsentScope
from tests.policy.packs import BASES, base

AGREEMENT = {"provider": "Elm House", "reference": "EH-7", "agreed_on": dt.date(2026, 5, 1)}
COMPANIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("channel.email", "fallback_with_warning"): {"email__allowed_domains": ["nhs.net"]},
    ("channel.email", "allowed"): {"email__allowed_domains": ["nhs.net"]},
    ("careworker.capture", "per_provider_agreement"): {"careworker__agreements": [AGREEMENT]},
    ("pack.emergency_mode", "on"): {"wording__emergency": "Because of the emergency we see fewer people in person."},
}
"""What a value needs beside it to be on its floor. Without it the value is refused: tested too."""


def options(key: Key) -> list[Any]:
    """Every value that a key with a fixed list of them can have."""
    match key.kind:
        case Choice(values=values):
            return [str(each) for each in values]
        case Pair(no=no, yes=yes):
            return [no, yes]
        case Flag():
            return [False, True]
        case _:
            return []


EVERY = [
    pytest.param(key, value, on, id=f"{key.name}={value}-{on}")
    for key in KEYS
    for value in options(key)
    for on in BASES
    if (key.name, value) != ("online_record.default_private", "yes")  # below its floor: see `BELOW`
]


def changed(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {name.replace(".", "__"): value, **more}


def test_every_enum_of_the_choices_is_the_kind_of_exactly_one_key() -> None:
    enums = {each for each in vars(choices).values() if isinstance(each, type) and issubclass(each, StrEnum)}
    used = [key.kind.values for key in KEYS if isinstance(key.kind, Choice)]
    assert set(used) == (enums - {StrEnum}) | {Jurisdiction}
    assert len(used) == len(set(used))


def test_every_disagreement_has_a_key() -> None:
    cited = set(re.findall(r"\bX\d+\b", " ".join(key.source for key in KEYS)))
    assert cited == {f"X{number}" for number in range(1, 27)}


@pytest.mark.parametrize(("key", "value", "on"), EVERY)
def test_every_allowed_value_loads(key: Key, value: Any, on: str) -> None:
    layer = shipped_layer(on)
    more = COMPANIONS.get((key.name, value), {})
    pack = parse_pack(base(on=on, **changed(key.name, value, **more)))
    got = getattr(pack, key.field)
    assert got == (value == key.kind.yes if isinstance(key.kind, Pair) else value)
    as_shipped = parse_pack(base(on=on))
    others = {each.field for each in KEYS if "." not in each.field} - {key.field}
    others -= {BY_NAME[name.replace("__", ".")].field for name in more if not name.startswith("wording")}
    assert all(getattr(pack, name) == getattr(as_shipped, name) for name in others)
    assert layer.values[key.name] == value or pack != as_shipped


@pytest.mark.parametrize("key", [key for key in KEYS if options(key)], ids=lambda key: key.name)
@pytest.mark.parametrize(
    "make",
    [
        str.upper,
        lambda text: text + " ",
        lambda text: "",
        lambda text: text.replace("_", "-") + "s",
        lambda text: "no*",
    ],
)
def test_every_other_value_is_refused(key: Key, make: Callable[[str], str]) -> None:
    for value in options(key):
        wrong = make(str(value))
        assert wrong not in options(key)
        with pytest.raises(UnusablePack, match=re.escape(key.name)):
            parse_pack(base(**changed(key.name, wrong)))


@pytest.mark.parametrize(("name", "value"), COMPANIONS)
def test_a_value_without_what_its_floor_asks_for_is_refused(name: str, value: str) -> None:
    with pytest.raises(UnusablePack, match="below the floor"):
        parse_pack(base(**changed(name, value)))


RETENTION = shipped_layer("strict").values["retention.classes"]


def retention(**changes: Any) -> list[dict[str, Any]]:
    return [{**each, **changes} for each in RETENTION]


BELOW: dict[str, list[dict[str, Any]]] = {
    "child-image-age": [{"age__child_image": 17}, {"age__child_image": 16}, {"age__child_image": 0}],
    "age-of-consent": [{"age__consent": 15}, {"age__consent": 18}, {"age__consent": 0}],
    "maturity": [{"age__maturity": [18]}, {"age__maturity": [16]}, {"age__maturity": [21, 25]}],
    "intimate-sites": [
        {"intimate__sites": []},
        {"intimate__sites": ["26893007", "46862004", *sorted(INTIMATE_SITES)[1:]]},  # more of them, and one is gone
        *({"intimate__sites": sorted(INTIMATE_SITES - {code})} for code in sorted(INTIMATE_SITES)),
    ],
    "mailboxes-named": [{"channel__email": "allowed"}, {"channel__email": "fallback_with_warning"}],
    "careworkers-by-agreement": [{"careworker__capture": "per_provider_agreement"}],
    "private-offline": [{"online_record__default_private": "yes"}],
    "child-justified-more": [{"capture__shortest_justification_child": 9}, {"capture__shortest_justification": 21}],
    "contact-the-same-day": [{"work__unsolicited_hours": 25}],
    "second-person-within-a-day": [{"work__urgent_review_hours": 25}],
    "concern-the-same-day": [{"work__safeguarding_hours": 48}],
    "breach-the-same-day": [{"work__breach_hours": 48}],
    "every-image-has-a-term": [
        *({"retention__classes": [each for each in RETENTION if each is not gone]} for gone in RETENTION),
        {"retention__classes": [*RETENTION, RETENTION[0] | {"years": 1}]},
    ],
    "somebody-looks": [{"retention__classes": retention(review_years=26)}],
    "reviewed-in-time": [
        {"pack__review_by": dt.date(2029, 11, 23)},
        {"pack__review_by": dt.date(2199, 12, 31)},
        {"pack__review_by": dt.date(2026, 11, 22)},
    ],
    "emergency-explained": [{"pack__emergency_mode": "on"}],
    "approved-by-somebody": [{"pack__approved_by": "Dr Nwosu"}, {"pack__approved_on": dt.date(2026, 12, 1)}],
}
"""For each floor, what is below it."""


def test_every_floor_has_something_below_it() -> None:
    assert set(BELOW) == {floor.name for floor in FLOORS}
    assert len({floor.name for floor in FLOORS}) == len(FLOORS)
    assert all(floor.key in BY_NAME and floor.source and floor.message for floor in FLOORS)


@pytest.mark.parametrize("on", BASES)
@pytest.mark.parametrize(
    ("name", "changes"),
    [pytest.param(name, each, id=f"{name}-{i}") for name in BELOW for i, each in enumerate(BELOW[name])],
)
def test_what_is_below_a_floor_does_not_load(name: str, changes: dict[str, Any], on: str) -> None:
    floor = next(floor for floor in FLOORS if floor.name == name)
    if on == "nhs-intimate-2020" and name == "mailboxes-named":
        changes = {**changes, "email__allowed_domains": []}
    with pytest.raises(UnusablePack) as raised:
        parse_pack(base(on=on, **changes))
    assert floor.key in str(raised.value) and name in str(raised.value)


def test_several_floors_are_named_at_once() -> None:
    with pytest.raises(UnusablePack) as raised:
        parse_pack(base(age__child_image=17, age__consent=15))
    assert "child-image-age" in str(raised.value) and "age-of-consent" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age__child_image", 21),
        ("age__maturity", [16, 18, 25]),
        ("intimate__sites", sorted(INTIMATE_SITES)),
        ("consent__written_for", [str(each) for each in ConsentScope]),
        ("consent__exempt_types", []),
        ("consent__exempt_types", list(EXEMPT_TYPES)),
        ("pack__review_by", dt.date(2029, 11, 22)),
        ("work__unsolicited_hours", 24),
        ("capture__shortest_justification_child", 10),
        ("capture__discard_undo_minutes", 0),
        ("careworker__agreements", [AGREEMENT]),
        ("email__allowed_domains", ["trust.nhs.uk", "nhs.net"]),
    ],
)
def test_what_is_on_or_above_the_floor_loads(name: str, value: Any) -> None:
    parse_pack(base(**{name: value}))


@pytest.mark.parametrize("jurisdiction", Jurisdiction)
def test_ages_are_those_of_the_jurisdiction(jurisdiction: Jurisdiction) -> None:
    pack = parse_pack(base(pack__jurisdiction=jurisdiction.value))
    assert pack.law is LAWS[jurisdiction]
    assert (pack.law.consent_age, pack.law.child_image_age, pack.law.attorney_age) == (16, 18, 18)
    with pytest.raises(UnusablePack, match="age-of-consent"):
        parse_pack(base(pack__jurisdiction=jurisdiction.value, age__consent=15))


def test_each_choice_says_what_it_decides() -> None:
    for key in CHOICE_KEYS:
        assert key.says and key.source and (key.reasoned or key.identity)
