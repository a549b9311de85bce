"""What the strict pack rules of a situation: what may be filed, what stops it, what is still asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import shipped_pack
from fhir_plugin.policy.ruling import Act, May, Ruling
from mappings.model.situation import (
    Situation,
)

STRICT = shipped_pack("strict")


def store(situation: Situation, **changed: Any) -> May:
    return ruling(situation, **changed).acts[Act.STORE]


def ruling(situation: Situation, **changed: Any) -> Ruling:
    return rule(replace(situation, **changed), STRICT)


def stops(situation: Situation, **changed: Any) -> set[str]:
    return {reason.code for reason in ruling(situation, **changed).stops}


def open_ids(situation: Situation, **changed: Any) -> set[str]:
    return {question.id for question in ruling(situation, **changed).open}
