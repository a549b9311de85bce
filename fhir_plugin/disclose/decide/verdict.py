"""Who gets what, and why: the strictest of what the rules say about each fact of an item.

Pure: values in, verdict out. Because only the strictest counts, one more label can never let more out, and the order
of labels does not matter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from fhir_plugin.disclose.decide.around import Alone, Around, together
from fhir_plugin.disclose.decide.facts import Fact, Said, read
from fhir_plugin.disclose.decide.rules import HANDLING, Rules, shipped_rules
from mappings.model.disclosure import (
    Asked,
    Authority,
    ConsentToRelease,
    ItemFacts,
    Judge,
    Opinion,
    Release,
    Requester,
    Review,
    Reviewer,
    Verdict,
    openness,
)
from mappings.model.labels import Label
from mappings.terminology.private_signs import private_site_codes, private_words

_PARTICULAR: Final = {fact: place for place, fact in enumerate(Fact)}
_FIRST_TO_LOOK: Final = (Reviewer.PRIVACY_OFFICER, Reviewer.HEALTH_PROFESSIONAL, Reviewer.OFFICER)
_NOTHING_KNOWN: Final = ItemFacts()

Ground = tuple[Fact, Verdict]
"""What the rules say about one fact."""


def on_their_word(requester: Requester, on: dt.date) -> Asked:
    """A request of which only the row is named, as on the command line.

    Naming the row says that its right was seen and that the patient agrees in general; it says nothing about what is
    sensitive, and nothing about age.
    """
    return Asked(requester, on, ConsentToRelease.GENERAL, Authority.SEEN)


def judge_for(
    asked: Asked,
    *,
    rules: Rules | None = None,
    around: Around | None = None,
    known: Callable[[str], ItemFacts] = lambda _key: _NOTHING_KNOWN,
    private_sites: Iterable[str] = (),
) -> Judge:
    """The judge of one request, for the redactor.

    `around`: the other resources, without which a Binary that nobody describes goes to a person. `known`: what people
    or our own records say about `Type/id`. `private_sites`: further SNOMED CT codes of private places (X11); they can
    only add to the shipped ones.
    """
    use = rules or shipped_rules()
    about = around or Alone()
    private = all_private_sites(use, private_sites)

    def judge(resource: Mapping[str, object]) -> Verdict:
        said = read(resource)
        return strictest(grounds(asked, said, use, about, known(said.key), private))

    return judge


def all_private_sites(rules: Rules, more: Iterable[str] = ()) -> frozenset[str]:
    """The SNOMED CT codes of private places: the shipped ones, those of the rules, and `more`."""
    return rules.private_codes | private_site_codes() | set(more)


def grounds(
    asked: Asked, said: Said, rules: Rules, around: Around, item: ItemFacts, private_sites: frozenset[str]
) -> tuple[Ground, ...]:
    """Everything that the rules say about one item, from the least to the most particular fact."""
    circumstances = circumstances_of(asked, item)
    whole, elsewhere, described = _with_what_is_around(said, around)
    facts = {Fact.ANY} | _facts_of_labels(whole.labels, rules, rules.rows[asked.requester].purpose)
    named = {
        Fact.IMAGE: whole.image,
        Fact.AUDIT: whole.kind == "AuditEvent",
        Fact.UNKNOWN_TYPE: whole.kind is None,
        Fact.UNREADABLE_LABEL: whole.unreadable,
        Fact.LABELS_ELSEWHERE: elsewhere,
        Fact.IN_ERROR: whole.in_error or item.in_error,
        Fact.HIDDEN: item.hidden,
        Fact.CONFIDED: item.confided,
        Fact.HARM: item.opinion is Opinion.SERIOUS_HARM,
    }
    facts |= {fact for fact, holds in named.items() if holds}
    may_be_private = not described or _private_place(whole, rules, private_sites)
    if may_be_private and _would_be_kept_back(asked, rules, circumstances):
        facts.add(Fact.LOOKS_PRIVATE)
    ordered = sorted(facts, key=_PARTICULAR.__getitem__)
    return tuple((fact, rules.verdict(asked.requester, fact, circumstances)) for fact in ordered)


def grounds_of_nothing_special(asked: Asked, rules: Rules) -> tuple[Ground, ...]:
    """What the rules say about a resource of which nothing is known but that it is one."""
    return ((Fact.ANY, rules.verdict(asked.requester, Fact.ANY, circumstances_of(asked, _NOTHING_KNOWN))),)


def strictest(found: Iterable[Ground]) -> Verdict:
    """The strictest; of equals the one that most people need to look at, then that of the most particular fact."""
    return min(found, key=_strictness)[1]


def _strictness(ground: Ground) -> tuple[int, int, int]:
    fact, verdict = ground
    who = _FIRST_TO_LOOK.index(verdict.by) if isinstance(verdict, Review) else 0
    return openness(verdict), who, -_PARTICULAR[fact]


def circumstances_of(asked: Asked, item: ItemFacts) -> dict[str, str]:
    """A value for each of `CONDITIONS`."""
    agrees = {None: "not-asked", True: "yes", False: "no"}
    return {
        "consent": asked.consent,
        "authority": asked.authority,
        "age": asked.age,
        "competence": asked.competence,
        "agrees": agrees[asked.agrees],
        "concern": "yes" if asked.concern else "no",
        "opinion": item.opinion,
    }


def _facts_of_labels(labels: Iterable[Label], rules: Rules, purpose: str) -> set[Fact]:
    facts: set[Fact] = set()
    for label in labels:
        name = rules.classes.get(label)
        if name is None:
            facts.add(Fact.UNKNOWN_LABEL)
        elif name not in HANDLING and not (name == Fact.OTHER_PURPOSE and label.code == purpose):
            facts.add(Fact(name))
    return facts


def _with_what_is_around(said: Said, around: Around) -> tuple[Said, bool, bool]:
    """What holds for it, whether labels stand where we cannot see, and whether anything says what it shows."""
    if said.copied:  # its chart may keep no labels: those of its image hold, and where they are not here a person looks
        images = list(around.images(said.copied))
        return replace(together([said, *images]), image=said.image), not images, True
    if not said.is_bytes:
        return said, False, True
    found = list(around.describers(said.key)) if said.key else []
    elsewhere = False
    if said.context is not None:
        context = around.at(said.context)
        elsewhere = context is None
        found += [context] if context is not None else []
    return together([said, *found]), elsewhere, bool(found)


def _private_place(said: Said, rules: Rules, private_sites: frozenset[str]) -> bool:
    return bool(said.site_codes & private_sites or said.site_words & (rules.private_words | private_words("sites")))


def _would_be_kept_back(asked: Asked, rules: Rules, circumstances: Mapping[str, str]) -> bool:
    """Whether one that carried the labels of a private picture would be kept back from this requester."""
    facts = _facts_of_labels(rules.as_if, rules, rules.rows[asked.requester].purpose)
    return any(not isinstance(rules.verdict(asked.requester, fact, circumstances), Release) for fact in facts)
