"""Policy packs: the shipped one, and every way in which one can be wrong."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from importlib import resources
from typing import Any

import pytest

from fhir_plugin.policy.pack import UnusablePack, parse_pack, shipped_pack

TEXT = (resources.files("fhir_plugin.policy") / "packs" / "strict.toml").read_text("utf-8")


def keys(table: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in table.items():
        found += keys(value, f"{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return found


KEYS = keys(tomllib.loads(TEXT))


def with_value(dotted: str, value: str | None) -> str:
    """The shipped pack with one key changed, or without it."""
    table, _, key = dotted.rpartition(".")
    section, lines = "", []
    for line in TEXT.splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line.strip()):
            section = found[1]
        if section == table and re.match(rf"{key}\s*=", line):
            if value is None:
                continue
            line = f"{key} = {value}"
        lines.append(line)
    return "\n".join(lines)


def test_the_shipped_pack_is_strict() -> None:
    pack = shipped_pack()
    assert pack.reference == "strict/2026.11"
    assert pack.consent_receive_required and pack.consent_store_required
    assert (pack.child_image_age, pack.most_images, pack.most_bytes_per_image) == (18, 10, 25 * 2**20)
    assert not pack.online_default_private and not pack.careworker_capture and not pack.keep_original
    assert pack.ask_online_record and pack.reveal_reasons and pack.sources
    assert pack.discard_undo == dt.timedelta(minutes=10)
    assert pack.waiting_alert == dt.timedelta(days=1)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_needed_and_named_when_it_is_missing(key: str) -> None:
    with pytest.raises(UnusablePack, match=re.escape(key)):
        parse_pack(with_value(key, None))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["-1", "1.5", '""', "[]", "[1]", "1979-05-27T07:32:00", "{}"])
def test_a_value_of_the_wrong_kind_is_refused_and_named(key: str, value: str) -> None:
    with pytest.raises(UnusablePack, match=re.escape(key)):
        parse_pack(with_value(key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("consent.store", '"optional"'),
        ("consent.receive", "true"),
        ("capture.lossless", '"sometimes"'),
        ("capture.most_images", "0"),
        ("capture.most_images", "true"),
        ("capture.discard_undo_minutes", '"10"'),
        ("online_record.ask", '"no"'),
        ("online_record.default_private", '"maybe"'),
        ("reveal.reasons", '"Direct care"'),
        ("sources", '"MDU"'),
        ("age.child_image", "17"),
        ("age.child_image", "0"),
        ("careworker.capture", '"on"'),
        ("review_by", '"2027-11-30"'),
    ],
)
def test_values_that_look_right_and_are_not(key: str, value: str) -> None:
    with pytest.raises(UnusablePack, match=re.escape(key)):
        parse_pack(with_value(key, value))


@pytest.mark.parametrize("table", ["consent", "age", "capture", "online_record", "careworker", "reveal"])
def test_a_missing_table_is_named(table: str) -> None:
    without = re.sub(rf"\[{table}\](?:\n(?!\[).*)*", "", TEXT)
    with pytest.raises(UnusablePack, match=table):
        parse_pack(without)


def test_what_is_no_toml_is_refused_without_quoting_it() -> None:
    with pytest.raises(UnusablePack) as raised:
        parse_pack("id = canary")
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value", "name", "expected"),
    [
        ("consent.store", '"inform_and_objection"', "consent_store_required", False),
        ("consent.receive", '"implied_by_reply_to_request"', "consent_receive_required", False),
        ("capture.lossless", '"never"', "lossless_when_asked", False),
        ("capture.keep_original", '"audit-vault"', "keep_original", True),
        ("careworker.capture", '"per_provider_agreement"', "careworker_capture", True),
        ("age.child_image", "21", "child_image_age", 21),
        ("online_record.ask", "false", "ask_online_record", False),
    ],
)
def test_a_pack_may_decide_otherwise(key: str, value: str, name: str, expected: object) -> None:
    assert getattr(parse_pack(with_value(key, value)), name) == expected
