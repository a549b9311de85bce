"""From what policy proposes and people decided to one verdict for each item, before the redactor goes further.

Pure. What shows the very same picture as something that stays back stays back with it, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fhir_plugin.disclose.desk.chart_copies import Copies, shared
from fhir_plugin.disclose.desk.gathered import Gathered, binaries_in
from mappings.model.disclosure import (
    Judge,
    Opinion,
    Reason,
    Redact,
    Release,
    Review,
    Reviewer,
    Verdict,
    Withhold,
    openness,
)
from mappings.model.disclosure_request import Decided, DisclosureRequest, ItemKey

BY_PERSON: Final[Mapping[Decided, Verdict]] = {
    Decided.RELEASE: Release(Reason("by-person", "A person decided that this goes out.", "G-R261")),
    Decided.REDACT: Redact(Reason("by-person", "A person decided that this is not included.", "G-R261")),
    Decided.WITHHOLD: Withhold(Reason("by-person", "A person decided that this is not included.", "G-R261")),
}
OPINION_FIRST: Final = Review(
    Reason(
        "opinion-asked",
        "A health professional has been asked whether it could cause serious harm.",
        "Data Protection Act 2018, Schedule 3, paragraph 5",
    ),
    Reviewer.HEALTH_PROFESSIONAL,
)
_SAME: Final = Reason("same-picture", "It shows the very same picture as something that is not included.", "G-R254")


@dataclass(frozen=True)
class Verdicts:
    """`proposed` by policy, `held` after what people decided and after equal pictures were looked at."""

    proposed: Mapping[ItemKey, Verdict]
    held: Mapping[ItemKey, Verdict]

    def judge(self, otherwise: Judge) -> Judge:
        """For the redactor: what holds for an item, and for what lies inside one what policy says."""

        def judge(resource: Mapping[str, object]) -> Verdict:
            held = self.held.get(ItemKey(f"{resource['resourceType']}/{resource.get('id')}"))
            return otherwise(resource) if held is None else held

        return judge


def shown_by(gathered: Gathered) -> Mapping[str, frozenset[ItemKey]]:
    """For each Binary, the resources whose attachments lie in it."""
    found: dict[str, set[ItemKey]] = {}
    for key, resource in zip(gathered.keys, gathered.resources, strict=True):
        for binary in binaries_in(resource):
            found.setdefault(binary, set()).add(key)
    return {binary: frozenset(keys) for binary, keys in found.items()}


def verdicts(
    request: DisclosureRequest,
    gathered: Gathered,
    policy: Judge,
    shown: Mapping[str, frozenset[ItemKey]],
    copies: Copies,
) -> Verdicts:
    """What is proposed for each item, and what holds. `copies` in the chart share what is decided about their image."""
    proposed = {key: policy(resource) for key, resource in gathered.by_key.items()}
    held: dict[ItemKey, Verdict] = {}
    for key, verdict in proposed.items():
        held[key] = _decided(request, key, verdict)
    for binary, owners in shown.items():
        key = ItemKey(binary)
        if key in held and key not in request.overrides:
            held[key] = strictest([held[owner] for owner in owners])
    for group in _same_pictures(gathered, shown):
        worst = strictest([held[key] for key in group])
        if isinstance(worst, Release):
            continue
        for key in group:
            if openness(held[key]) > openness(worst):
                held[key] = _because_the_same(worst)
    overridden = frozenset(request.overrides)
    return Verdicts(shared(proposed, copies, overridden=frozenset()), shared(held, copies, overridden=overridden))


def strictest(found: list[Verdict]) -> Verdict:
    return min(found, key=openness)


def _decided(request: DisclosureRequest, key: ItemKey, proposed: Verdict) -> Verdict:
    """A person's decision takes the place of what policy proposes, except while a professional is being asked, and
    except that an opinion of serious harm outlasts a decision that was made without it."""
    override = request.overrides.get(key)
    opinion = request.opinions.get(key)
    if key in request.opinions_asked and (opinion is None or opinion.opinion is Opinion.NOT_ASKED):
        return OPINION_FIRST
    if override is None:
        return proposed
    harm = opinion is not None and opinion.opinion is Opinion.SERIOUS_HARM
    if harm and override.decided is Decided.RELEASE and isinstance(proposed, Redact | Withhold):
        return proposed
    return BY_PERSON[override.decided]


def _same_pictures(gathered: Gathered, shown: Mapping[str, frozenset[ItemKey]]) -> Iterable[frozenset[ItemKey]]:
    """Items that show equal bytes: the Binaries and those whose pictures lie in them."""
    groups: dict[str, set[ItemKey]] = {}
    for binary, kept in gathered.pictures.items():
        groups.setdefault(kept.digest, set()).update({ItemKey(binary), *shown.get(binary, ())})
    merged: list[set[ItemKey]] = []
    for group in groups.values():
        apart = [each for each in merged if each.isdisjoint(group)]
        merged = [*apart, group.union(*(each for each in merged if not each.isdisjoint(group)))]
    return [frozenset(group & gathered.by_key.keys()) for group in merged if len(group) > 1]


def _because_the_same(verdict: Verdict) -> Verdict:
    match verdict:
        case Review():
            return Review(_SAME, verdict.by)
        case Redact():
            return Redact(_SAME)
        case _:
            return Withhold(_SAME)
