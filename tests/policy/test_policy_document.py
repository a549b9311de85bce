"""docs/policy.md says what the code does: its tables, its example, its names."""

from __future__ import annotations

import datetime as dt
import re
import textwrap

from fhir_plugin.policy.floors import FLOORS
from fhir_plugin.policy.keys import BY_NAME
from fhir_plugin.policy.layers import read_layer
from fhir_plugin.policy.pack import load_pack, shipped_layer, shipped_layers
from tests.policy.document import DOCUMENT, written

TEXT = DOCUMENT.read_text("utf-8")
EXAMPLE = textwrap.dedent(re.findall(r"^ *```toml\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)[0])


def test_the_tables_are_those_of_the_code() -> None:
    assert written(TEXT) == TEXT, "run: python -m tests.policy.document"


def test_every_key_is_explained() -> None:
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|", TEXT, re.MULTILINE)
    assert set(BY_NAME) <= set(rows)
    assert all(rows.count(name) == 1 for name in BY_NAME if name not in {floor.key for floor in FLOORS})


def test_the_example_is_a_policy_that_leaves_nothing_to_say_but_what_it_says_is_missing() -> None:
    pack = load_pack([*shipped_layers("strict+wounds"), read_layer(EXAMPLE)])
    assert pack.gaps(dt.date(2027, 1, 4)) == ("attestations.careworker_training",)
    assert pack.reference == "strict+wounds+elm-tree/2026.11+2026.11+2026.12"
    assert pack.organisation == "Elm Tree Surgery" and pack.crop == "required_or_reason"
    assert load_pack([*shipped_layers("strict"), read_layer(EXAMPLE)]).reference in TEXT


def test_the_sources_are_those_of_the_strict_pack() -> None:
    rows = re.findall(r"^\| (00\d) \| ([^|]+) \| ([^|]+) \|", TEXT, re.MULTILINE)
    shipped = {each["cited"]: each for each in shipped_layer("strict").values["pack.sources"]}
    assert {cited: title for cited, title, _ in rows} == {cited: each["title"] for cited, each in shipped.items()}
    for cited, _, date in rows:
        assert str(shipped[cited]["date"])[:4] in date or shipped[cited]["date"] == date
