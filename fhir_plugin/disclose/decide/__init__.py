"""Deciding: request, rules and what an item says about itself, in; a verdict with its reason, out. Pure.

`judge_for(asked)` makes the judge that the redactor takes; `rules.toml` is the policy.
"""

from fhir_plugin.disclose.decide.around import Around, Together
from fhir_plugin.disclose.decide.floors import rules_of_an_organisation
from fhir_plugin.disclose.decide.glance import glance_for
from fhir_plugin.disclose.decide.rules import (
    Rules,
    SilenceNotAllowed,
    UnknownPurpose,
    UnusableRules,
    shipped_rules,
)
from fhir_plugin.disclose.decide.verdict import judge_for, on_their_word

__all__ = [
    "Around",
    "Rules",
    "SilenceNotAllowed",
    "Together",
    "UnknownPurpose",
    "UnusableRules",
    "glance_for",
    "judge_for",
    "on_their_word",
    "rules_of_an_organisation",
    "shipped_rules",
]
