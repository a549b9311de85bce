"""Which decisions of people still hold: none that nobody could make as the request and the record stand now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from fhir_plugin.disclose.decide import Rules
from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.disclose.decide.floors import not_without_their_yes
from fhir_plugin.disclose.decide.verdict import circumstances_of
from fhir_plugin.errors import Refused
from mappings.model.disclosure import Asked, ItemFacts
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey

_RESTS_ON: Final = ("requester", "consent", "authority", "competence", "agrees")
"""What is said about a request and changes what has to stay back: words that were read beside less are read again."""


def forbidden(asked: Asked, facts: Collection[Fact], decided: Decided, rules: Rules) -> Refused | None:
    """Why nobody at the desk may decide so about an item of which these facts hold; None where somebody may."""
    if decided is Decided.WITHHOLD and not rules.rows[asked.requester].silent:
        return Refused(
            "This recipient has to be told that something is not included. Choose that it is masked.",
            code="must-be-told",
        )
    if decided is not Decided.RELEASE:
        return None
    now = circumstances_of(asked, ItemFacts())
    if not_without_their_yes(asked.requester, sorted(facts, key=tuple(Fact).index), now) is None:
        return None
    return Refused(
        "This cannot go to this recipient without the patient’s yes to exactly this. Ask them, and write down "
        "what they said.",
        code="patients-yes",
    )


def without_the_forbidden(
    request: DisclosureRequest, asked: Asked, facts: Mapping[ItemKey, Collection[Fact]], rules: Rules
) -> DisclosureRequest:
    """The request without decisions that have become forbidden since: a yes was taken back, a label was raised."""
    standing = {
        key: each
        for key, each in request.overrides.items()
        if forbidden(asked, facts.get(key, ()), each.decided, rules) is None
    }
    return replace(request, overrides=standing)


def for_what_is_said_now(before: DisclosureRequest, after: DisclosureRequest) -> DisclosureRequest:
    """`after` without what was decided for somebody else who asks, and without words that were read beside less.

    What has to be decided anew stands among what changed.
    """
    if all(getattr(before, name) == getattr(after, name) for name in _RESTS_ON):
        return after
    overrides = after.overrides if before.requester is after.requester else {}
    gone = frozenset(before.overrides.keys() - overrides.keys()) | before.read_words
    return replace(after, overrides=overrides, read_words=frozenset(), changed=before.changed | gone)
