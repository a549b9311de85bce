"""The text message that goes with a link: the organisation's words, with places that name nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.requests.prepare import message_text
from fhir_plugin.policy.pack import UnusablePack, parse_pack, shipped_pack
from tests.capture.requests.bench import Asking
from tests.policy.packs import BASES, base

LINK = "https://app.example/p/secret"


@pytest.mark.parametrize("name", BASES)
def test_the_shipped_words_name_the_way_in_the_end_and_the_number(name: str) -> None:
    said = message_text(Asking().prepared(), shipped_pack(name), LINK, until="18:00, 24 November")
    assert LINK in said and "18:00, 24 November" in said and "999" in said
    assert "{" not in said and "Amy" not in said


def test_the_organisations_own_words_are_sent() -> None:
    pack = parse_pack(base(wording__message="Elm Tree: {link} until {until}, or {phone}. {practice}"))
    request = replace(Asking().prepared(), practice="The {link} Practice", practice_phone="0161 496 0000")
    said = message_text(request, pack, LINK, until="noon")
    assert said == f"Elm Tree: {LINK} until noon, or 0161 496 0000. The {{link}} Practice"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "   ",
        "{link} {until}",
        "{link} {phone}",
        "{phone} {until}",
        "{link} {until} {phone} {patient}",
        "{link} {until} {phone} {purpose}",
        "{link} {until} {phone} {",
        "{link} {until} {phone} {0}",
        "{link} {until} {phone} {link.secret}",
        "{link} {until} {phone}" + "x" * 600,
    ],
)
def test_words_that_leave_out_the_way_or_name_more_do_not_load(wrong: str) -> None:
    with pytest.raises(UnusablePack, match=r"wording\.message"):
        parse_pack(base(wording__message=wrong))
