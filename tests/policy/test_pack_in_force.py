"""Which pack is in force: what is configured, the last good one, and what is said about either and when."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from fhir_plugin.policy.contents import WARN_BEFORE_REVIEW
from fhir_plugin.policy.in_force import KeptPack, choose, put_together
from fhir_plugin.policy.layers import Layer, read_layer
from fhir_plugin.policy.pack import UnusablePack, parse_pack, shipped_layers, shipped_pack
from tests.policy.packs import base, overlay

NOW = dt.datetime(2026, 12, 1, 8, 0, tzinfo=dt.UTC)
REVIEW = dt.date(2027, 11, 30)
GOOD = KeptPack("strict/2026.11", (base(),), NOW)


def broken() -> list[Layer]:
    return [read_layer(base("store.consent"))]


def test_what_is_configured_is_in_force_and_kept_once() -> None:
    first = choose(lambda: shipped_layers("strict"), None)
    assert first.pack == shipped_pack() and first.keep is not None
    again = choose(lambda: shipped_layers("strict"), KeptPack("strict/2026.11", first.keep, NOW))
    assert again.pack == first.pack and again.keep is None


def test_what_is_kept_loads_as_what_it_was() -> None:
    chosen = choose(lambda: shipped_layers("nhs-intimate-2020+wounds+paediatrics"), None)
    assert chosen.keep is not None
    kept = KeptPack(chosen.pack.reference, chosen.keep, NOW).load()
    assert kept == chosen.pack and kept.said == chosen.pack.said


def test_the_last_good_one_stays_and_says_so() -> None:
    chosen = choose(broken, GOOD)
    assert chosen.keep is None
    assert chosen.pack == replace(shipped_pack(), stayed_because=chosen.pack.stayed_because)
    [notice] = chosen.pack.notices(NOW.date())
    assert "store.consent" in notice and "strict/2026.11, the last good one, stays in force" in notice


def test_without_a_last_good_one_nothing_is_in_force() -> None:
    with pytest.raises(UnusablePack, match=r"store\.consent.*does not start"):
        choose(broken, None)


def test_a_last_good_one_that_this_app_cannot_read_is_no_way_out() -> None:
    old = KeptPack("strict/2020.1", (base("work.source_hours", pack__version="2020.1"),), NOW)
    with pytest.raises(UnusablePack, match=r"store\.consent.*strict/2020\.1.*work\.source_hours"):
        choose(broken, old)
    assert choose(lambda: shipped_layers("strict"), old).pack == shipped_pack()


def test_a_changed_pack_needs_a_new_version() -> None:
    changed = base(crop__before_filing="required_or_reason")
    chosen = choose(lambda: [read_layer(changed)], GOOD, {GOOD.reference: GOOD}.get)
    assert chosen.pack.crop == "prompt" and "new version" in chosen.pack.stayed_because
    newer = base(crop__before_filing="required_or_reason", pack__version="2026.12")
    chosen = choose(lambda: [read_layer(newer)], GOOD, {GOOD.reference: GOOD}.get)
    assert (chosen.pack.crop, chosen.pack.stayed_because) == ("required_or_reason", "")


def test_a_changed_remark_is_no_change() -> None:
    chosen = choose(lambda: [read_layer(f"# a remark\n{base()}")], GOOD, {GOOD.reference: GOOD}.get)
    assert chosen.pack.stayed_because == "" and chosen.keep is not None


def test_an_organisations_own_file_goes_on_top_or_in_place_of_the_base() -> None:
    own = read_layer(overlay({"crop.before_filing": "required_or_reason"}, id="elm", organisation="Elm Tree Surgery"))
    layers = shipped_layers("strict+paediatrics")
    assert [each.id for each in put_together(layers, own)] == ["strict", "paediatrics", "elm"]
    whole = read_layer(base(pack__id="elm-whole"))
    assert [each.id for each in put_together(layers, whole)] == ["elm-whole", "paediatrics"]
    assert put_together(layers, None) == layers


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (REVIEW - WARN_BEFORE_REVIEW, None),
        (REVIEW - WARN_BEFORE_REVIEW + dt.timedelta(days=1), "is due for review by 2027-11-30"),
        (REVIEW, "is due for review by 2027-11-30"),
        (REVIEW + dt.timedelta(days=1), "was due for review on 2027-11-30. It stays in force"),
        (REVIEW + dt.timedelta(days=4000), "was due for review on 2027-11-30. It stays in force"),
    ],
)
def test_it_warns_early_and_stays_in_force_past_its_review(day: dt.date, says: str | None) -> None:
    pack = shipped_pack()
    notices = pack.notices(day)
    assert notices == () if says is None else len(notices) == 1 and says in notices[0]
    assert all(pack.reference in each for each in notices)


def test_a_last_good_one_can_be_overdue_too() -> None:
    notices = choose(broken, GOOD).pack.notices(REVIEW + dt.timedelta(days=1))
    assert len(notices) == 2


def test_notices_are_about_the_pack_and_not_part_of_what_it_decides() -> None:
    assert parse_pack(base()).stayed_because == ""
    assert "stayed_because" not in base()
