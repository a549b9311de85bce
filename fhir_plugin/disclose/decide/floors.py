"""What no policy of disclosure may go below, whoever writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.disclose.decide.rules import CONDITIONS, HANDLING, Circumstances, Rules, UnusableRules, read_rules
from mappings.model.disclosure import (
    Authority,
    Competence,
    ConsentToRelease,
    Opinion,
    Redact,
    Release,
    Requester,
    Withhold,
)
from mappings.model.labels import CONFIDENTIALITY, Label

NOT_TO_BE_JUDGED: Final = (
    Fact.UNKNOWN_LABEL,
    Fact.UNREADABLE_LABEL,
    Fact.UNKNOWN_TYPE,
    Fact.LABELS_ELSEWHERE,
    Fact.LOOKS_PRIVATE,
)
"""What a machine cannot judge is never released by it."""

ALWAYS_TOLD: Final = (
    Requester.PATIENT,
    Requester.PATIENTS_SOLICITOR,
    Requester.COURT_ORDER,
    Requester.SAFEGUARDING,
)
"""Never a record in which something is missing and nothing says so."""

_PRIVATE: Final = (Fact.RESTRICTED, Fact.SENSITIVE, Fact.VERY_RESTRICTED, Fact.VIOLENCE)
_THIRD_PARTIES: Final = (Requester.INSURER, Requester.OTHER_SIDES_SOLICITOR, Requester.RESEARCH)

_FLOORS_DEPEND_ON: Final = {
    Requester.PATIENT: ("opinion",),
    Requester.PATIENTS_SOLICITOR: ("authority",),
    Requester.PARENT_OR_PROXY: ("consent", "age", "competence", "agrees"),
    **dict.fromkeys(_THIRD_PARTIES, ("consent",)),
}


def rules_of_an_organisation(text: str) -> Rules:
    """Rules that somebody else wrote. Raises `UnusableRules` for what cannot be read or goes below a floor."""
    rules = read_rules(text)
    below = below_floors(rules)
    if below:
        raise UnusableRules(f"The rules go below a floor. {'; '.join(below[:5])}.")
    return rules


def below_floors(rules: Rules) -> tuple[str, ...]:
    """Every floor that these rules go below, in words; empty for rules that may be used."""
    return tuple(dict.fromkeys((*_silence(rules), *_labels(rules), *_verdicts(rules))))


def _silence(rules: Rules) -> Iterator[str]:
    for requester in ALWAYS_TOLD:
        if rules.rows[requester].silent:
            yield f"{requester} has to be told that something is not included"


def _labels(rules: Rules) -> Iterator[str]:
    for code in ("R", "V"):
        if rules.classes.get(Label(CONFIDENTIALITY, code), "handling") in HANDLING:
            yield f"confidentiality {code} cannot be usual"


def _verdicts(rules: Rules) -> Iterator[str]:
    for requester, fact in product(Requester, Fact):
        for now in _all_circumstances(rules, requester, fact):
            verdict = rules.verdict(requester, fact, now)
            where = f"{verdict.reason.rule}: {requester}, {fact}"
            if isinstance(verdict, Withhold) and not rules.rows[requester].silent:
                yield f"{where}: nothing is withheld without a word from this requester"
            if isinstance(verdict, Release) and (fact in NOT_TO_BE_JUDGED or fact in (Fact.HIDDEN, Fact.IN_ERROR)):
                yield f"{where}: only a person can release this"
            if isinstance(verdict, Release) and not _may_be_released(requester, fact, now):
                yield f"{where}: not without the patient’s yes to exactly this"
            if isinstance(verdict, Redact) and not _may_be_kept_from_the_patient(requester, fact, now):
                yield f"{where}: only a health professional’s opinion keeps something from the patient"


def not_without_their_yes(requester: Requester, facts: Iterable[Fact], now: Circumstances) -> Fact | None:
    """What of these facts forbids a release to this requester while the patient has not said yes to exactly this.

    No person at the desk can set that aside: what they can do is ask the patient, and write down what they said.
    """
    return next((fact for fact in facts if not _may_be_released(requester, fact, now)), None)


def _may_be_released(requester: Requester, fact: Fact, now: Circumstances) -> bool:
    named = now["consent"] == ConsentToRelease.NAMED
    if fact in _PRIVATE and requester in _THIRD_PARTIES:
        return named
    if (
        requester is Requester.PARENT_OR_PROXY
        and now["competence"] == Competence.COMPETENT
        and now["age"] == "under-16"
    ):
        return (named and now["agrees"] == "yes") or fact not in (*_PRIVATE, Fact.CONFIDED)
    if requester is Requester.PARENT_OR_PROXY and fact is Fact.CONFIDED:
        return False
    if requester is Requester.RESEARCH and fact is Fact.IMAGE:
        return named
    return not (
        requester is Requester.PATIENTS_SOLICITOR and fact is Fact.ANY and now["authority"] == Authority.NOT_SEEN
    )


def _may_be_kept_from_the_patient(requester: Requester, fact: Fact, now: Circumstances) -> bool:
    if requester is not Requester.PATIENT:
        return True
    return fact is Fact.HARM or (fact is Fact.TABOO and now["opinion"] == Opinion.SERIOUS_HARM)


def _all_circumstances(rules: Rules, requester: Requester, fact: Fact) -> Iterator[Circumstances]:
    """Every combination of what the rules for this case or the floors depend on; the rest at its first value."""
    free = set(_FLOORS_DEPEND_ON.get(requester, ()))
    for rule in rules.by_case.get((requester, fact), ()):
        free |= rule.when.keys()
    values = [CONDITIONS[name] if name in free else CONDITIONS[name][:1] for name in CONDITIONS]
    for combination in product(*values):
        yield dict(zip(CONDITIONS, combination, strict=True))
