"""The texts of the shipped packs: plain, whole, and without what a page would have to explain (G-R1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict

import pytest
import readability

from fhir_plugin.policy.contents import ORGANISATIONS_OWN, PolicyPack
from fhir_plugin.policy.pack import shipped_pack
from tests.policy.packs import BASES, OVERLAYS

PACKS = [*BASES, *(f"strict+{name}" for name in OVERLAYS)]
FOR_STAFF = {"chaperone_role", "careworker", "scope"}
HARDEST_TEXT, HARDEST_PACK = 9.0, 6.0
"""School years that a reader needs (Flesch-Kincaid): a sentence by itself swings; all together say how a page reads."""


def texts_for_patients(pack: PolicyPack) -> dict[str, str]:
    wording = {name: text for name, text in asdict(pack.wording).items() if text and name not in FOR_STAFF}
    return {**wording, **{f"retention.{each.name}": each.told for each in pack.retention}}


def school_years(texts: Iterable[str]) -> float:
    lines = [sentence for text in texts for sentence in re.split(r"(?<=[.:?])\s+", text)]
    spaced = "\n".join(" ".join(re.findall(r"[\w'’-]+|[.,:;?]", line)) for line in lines)
    return float(readability.getmeasures(spaced, lang="en")["readability grades"]["Kincaid"])


@pytest.mark.parametrize("name", PACKS)
def test_patients_can_read_it(name: str) -> None:
    texts = texts_for_patients(shipped_pack(name))
    assert len(texts) > 20
    hard = {key: years for key, text in texts.items() if (years := school_years([text])) > HARDEST_TEXT}
    assert hard == {}
    assert school_years(texts.values()) <= HARDEST_PACK


def test_the_measure_measures() -> None:
    assert (
        school_years(["Notwithstanding contraindications, photographic documentation necessitates authorisation."]) > 20
    )


@pytest.mark.parametrize("name", PACKS)
def test_texts_are_whole_sentences_without_marks_of_a_draft(name: str) -> None:
    for key, text in texts_for_patients(shipped_pack(name)).items():
        assert text.endswith((".", "?")), key
        if key == "message":  # the one text with places: what they may be is tested with the message
            text = re.sub(r"\{[a-z]+\}", "", text)
        assert not re.search(r"[<>{}\[\]]|XXX|TBC|lorem|\bSNOMED\b|\bFHIR\b", text), key


@pytest.mark.parametrize("name", PACKS)
def test_what_guidance_wants_said_is_said(name: str) -> None:
    """Each of these cannot be left empty, whatever an overlay says of the rest."""
    wording = shipped_pack(name).wording
    for text, words in (
        (wording.face_to_face, "in person"),  # G-R26
        (wording.other_routes, "phone"),  # G-R4
        (wording.no_effect_on_care, "not be any worse"),  # G-R28
        (wording.purpose, "own care only"),  # G-R20
        (wording.parents, "talk to your child first"),  # G-R34
        (wording.email_warning, "not secure"),  # G-R10
        (wording.email_identifiers, "NHS number and nothing else"),  # G-R32
        (wording.private_first, "talked to the clinician"),  # G-R5
        (wording.not_for_emergencies, "999"),
        (wording.privacy_paragraph, "legal grounds"),  # G-R13
        (wording.storage_and_deletion, "every copy"),  # G-R14
    ):
        assert words in text
    assert all(not getattr(wording, own) for own in ORGANISATIONS_OWN), "only the organisation can write these"
