"""What is tried under a pack in the tests of its choices: an act, a question, a deletion, a use, a preview."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fhir_plugin.policy.engine import rule
from fhir_plugin.policy.pack import PolicyPack, shipped_pack
from fhir_plugin.policy.ruling import Act, May
from fhir_plugin.policy.uses import (
    Deletion,
    Opinion,
    Preview,
    permanent_deletion,
    preview,
    second_opinion,
    secondary_use,
)
from mappings.model.consent import ConsentAnswer, ConsentScope
from mappings.model.situation import (
    Situation,
)
from tests.policy import situations as of

STRICT = replace(shipped_pack("strict"), **of.NAMED)
Try = Callable[[PolicyPack], bool]


def does(situation: Situation, act: Act = Act.STORE, **changed: Any) -> Try:
    return lambda pack: rule(replace(situation, **changed), pack).acts[act] is May.YES


def asks(situation: Situation, question: str, act: Act, **changed: Any) -> Try:
    """Passes where `question` is not needed for `act`."""
    return lambda pack: (
        not any(
            each.id == question and act in each.needed_for
            for each in rule(replace(situation, **changed), pack).questions
        )
    )


def opens(opinion: Opinion) -> Try:
    return lambda pack: second_opinion(opinion, pack).may is May.YES


def deletes(deletion: Deletion) -> Try:
    return lambda pack: permanent_deletion(deletion, pack).may is May.YES


def uses(answer: ConsentAnswer, scope: ConsentScope = ConsentScope.TEACHING, **more: Any) -> Try:
    return lambda pack: secondary_use(scope, answer, pack, **more).may is May.YES


def sees(expected: Preview, situation: Situation) -> Try:
    return lambda pack: preview(situation, pack) is expected
