"""The rules as a whole: complete, explained, above the floors, and refused when they are not."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from importlib import resources
from itertools import product

import pytest

from fhir_plugin.disclose.decide import (
    SilenceNotAllowed,
    UnknownPurpose,
    UnusableRules,
    rules_of_an_organisation,
    shipped_rules,
)
from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.disclose.decide.rules import CONDITIONS, NO_RULE, read_rules
from mappings.model.disclosure import AgeBand, Mode, Requester, Review, TimeLimit, age_band
from tests.definitions.source import value_sets

TEXT = resources.files("fhir_plugin.disclose.decide").joinpath("rules.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("requester", Requester)
def test_some_rule_speaks_of_every_case(requester: Requester) -> None:
    rules = shipped_rules()
    for fact in Fact:
        used = {name for rule in rules.by_case.get((requester, fact), ()) for name in rule.when}
        for values in product(*(CONDITIONS[name] if name in used else CONDITIONS[name][:1] for name in CONDITIONS)):
            now = dict(zip(CONDITIONS, values, strict=True))
            assert rules.verdict(requester, fact, now) is not NO_RULE, (fact, now)


def test_what_no_rule_speaks_of_waits_for_a_person() -> None:
    silent = replace(shipped_rules(), by_case={})
    found = silent.verdict(Requester.PATIENT, Fact.ANY, {name: values[0] for name, values in CONDITIONS.items()})
    assert isinstance(found, Review) and found == NO_RULE


def test_every_rule_can_decide_something() -> None:
    """A rule that earlier ones always forestall is a mistake in their order."""
    rules = shipped_rules()
    deciding: set[str] = set()
    for (requester, fact), found in rules.by_case.items():
        used = {name for rule in found for name in rule.when}
        for values in product(*(CONDITIONS[name] if name in used else CONDITIONS[name][:1] for name in CONDITIONS)):
            now = dict(zip(CONDITIONS, values, strict=True))
            deciding.add(rules.verdict(requester, fact, now).reason.rule)
    assert {rule.reason.rule for rule in rules.rules} - deciding == set()


def test_every_reason_can_be_read_aloud_and_has_a_source() -> None:
    """Plain sentences that say nothing of what an item shows."""
    telling = re.compile(r"genital|sexual|intimate|private area|photograph|abuse|naked|[A-Z]{4,}|[a-z]-[A-Z]|http|_")
    for rule in shipped_rules().rules:
        reason = rule.reason
        assert reason.text[0].isupper() and reason.text.endswith("."), reason
        assert not telling.search(reason.text.replace("GDPR", "")), reason
        assert reason.source, reason


def test_every_label_of_r4_has_a_class() -> None:
    """Groupers and the three abstract policies have none: as a label they say nothing that could be acted upon."""
    known = {(label.system, label.code) for label in shipped_rules().classes}
    official = set(value_sets()["http://hl7.org/fhir/ValueSet/security-labels"])
    abstract = {"ACCESSCONSCHEME", "AUTHPOL", "DELEPOL", "ObligationPolicy", "RefrainPolicy", "SecurityPolicy"}
    missing = {code for _system, code in official - known if not code.startswith("_")}
    assert missing == {*abstract, "PurposeOfUse"}


def test_the_shipped_rules_are_above_every_floor() -> None:
    assert rules_of_an_organisation(TEXT).version == shipped_rules().version


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('about = ["unknown-label"]\nverdict = "review"', 'about = ["unknown-label"]\nverdict = "release"', "person"),
        ('about = ["looks-private"]\nverdict = "review"', 'about = ["looks-private"]\nverdict = "release"', "person"),
        ('verdict = "withhold"\ntext = "It was given', 'verdict = "release"\ntext = "It was given', "exactly this"),
        ('verdict = "withhold"\ntext = "It was hidden', 'verdict = "release"\ntext = "It was hidden', "person"),
        ('text = "It is the patient’s own, and', 'text = "Not so."\n#', "health professional"),
        (
            'verdict = "withhold"\ntext = "The child can decide this alone, and t',
            'verdict = "release"\ntext = "T',
            "exactly",
        ),
        ('usual = ["U", "L", "M", "N"]\nrestricted = ["R", ', 'usual = ["U", "L", "M", "N", "R"]\nrestricted = [', "R"),
        ('purpose = "PATRQT"\ncodes = ["PATRQT"]\nsilent = false', 'purpose = "PATRQT"\nsilent = true', "told"),
        (
            'verdict = "withhold"\ntext = "It is marked as entered',
            'verdict = "release"\ntext = "It is marked',
            "person",
        ),
        ('text = "It is marked to be talked over', 'text = "Not so."\n#', "health professional"),
        ('id = "hidden-patient"', 'id = "hidden-patient-x"', ""),
    ],
)
def test_rules_below_a_floor_are_refused(before: str, after: str, says: str) -> None:
    assert TEXT.count(before) >= 1
    changed = TEXT.replace(before, after, 1)
    if after.startswith('text = "Not so."'):
        changed = changed.replace('verdict = "release"\ntext = "Not so."', 'verdict = "redact"\ntext = "Not so."')
        changed = changed.replace(
            'verdict = "review"\nby = "health-professional"\ntext = "Not so."', 'verdict = "redact"\ntext = "Not so."'
        )
    if not says:
        assert rules_of_an_organisation(changed)
        return
    with pytest.raises(UnusableRules, match=says):
        rules_of_an_organisation(changed)


def test_what_is_sensitive_never_goes_to_an_insurer_without_a_yes_by_name() -> None:
    changed = TEXT.replace(
        'for = ["commercial"]\nabout = ["restricted", "sensitive", "no-redisclosure", "consent-needed"]\n'
        'when = { consent = ["named"] }',
        'for = ["commercial"]\nabout = ["restricted", "sensitive", "no-redisclosure", "consent-needed"]\n'
        'when = { consent = ["named", "general"] }',
    )
    assert changed != TEXT
    with pytest.raises(UnusableRules, match="insurer"):
        rules_of_an_organisation(changed)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('version = "2026.11"', "", "version"),
        ('verdict = "review"', 'verdict = "perhaps"', "verdict"),
        ('about = ["unknown-label"]', 'about = ["unknown"]', "unknown"),
        ('about = ["unknown-label"]', "about = []", "nothing"),
        ('for = ["everybody"]', 'for = ["anybody"]', "anybody"),
        ('when = { consent = ["refused"] }', 'when = { consent = ["maybe"] }', "maybe"),
        ('when = { consent = ["refused"] }', "when = { weather = [] }", "weather"),
        ('id = "unknown-type"', 'id = "unknown-label"', "two rules"),
        ('source = "G-R258"', "", "source"),
        ('source = "G-R258"', 'source = " "', "words"),
        ("[requesters.police]", "[requesters.army]", "army"),
        ('usual = ["U", "L", "M", "N"]', 'usual = ["U", "L", "M", "N", "V"]', "two classes"),
        ('usual = ["U"', 'ordinary = ["U"', "ordinary"),
        ('verdict = "release"', 'by = "officer"\nverdict = "release"', "only a review"),
        ('id = "unknown-type"', 'id = "unknown-type"\nmaybe = 1', "maybe"),
        ("time = { months = 1,", "time = { months = 1, years = 1,", "years"),
        ('right = "Direct care"', 'right = "Direct care"\nwrong = 1', "wrong"),
        ("silent = false", 'silent = "no"', "silent"),
        ("[groups]", "[groups", "TOML"),
    ],
)
def test_rules_that_cannot_be_read_are_refused(before: str, after: str, says: str) -> None:
    assert before in TEXT
    with pytest.raises(UnusableRules, match=says):
        read_rules(TEXT.replace(before, after, 1))


def test_rules_miss_nobody() -> None:
    start, end = TEXT.index("[requesters.police]"), TEXT.index("[requesters.insurer]")
    with pytest.raises(UnusableRules, match="police"):
        read_rules(TEXT[:start] + TEXT[end:])


@pytest.mark.parametrize(
    ("named", "requester"),
    [
        ("PATRQT", Requester.PATIENT),
        ("PWATRNY", Requester.ATTORNEY_OR_DEPUTY),
        ("FAMRQT", Requester.PARENT_OR_PROXY),
        ("HLEGAL", Requester.OTHER_SIDES_SOLICITOR),
        ("COVERAGE", Requester.INSURER),
        ("TREAT", Requester.OTHER_PROVIDER),
        ("HRESCH", Requester.RESEARCH),
        *((requester.value, requester) for requester in Requester),
    ],
)
def test_rows_are_found_by_name_and_code(named: str, requester: Requester) -> None:
    assert shipped_rules().row(named).requester is requester


@pytest.mark.parametrize("named", ["", "patrqt", "HMARKT", "Insurer", "insurer "])
def test_an_unknown_purpose_is_refused(named: str) -> None:
    with pytest.raises(UnknownPurpose, match="COVERAGE"):
        shipped_rules().row(named)


@pytest.mark.parametrize("requester", Requester)
def test_silence_only_where_existence_tells_too_much(requester: Requester) -> None:
    silent = {
        Requester.OTHER_SIDES_SOLICITOR,
        Requester.INSURER,
        Requester.DECEASED,
        Requester.PARENT_OR_PROXY,
        Requester.RESEARCH,
    }
    assert shipped_rules().mode_for(requester, Mode.MARKED) is Mode.MARKED
    if requester in silent:
        assert shipped_rules().mode_for(requester, Mode.SILENT) is Mode.SILENT
    else:
        with pytest.raises(SilenceNotAllowed, match="told"):
            shipped_rules().mode_for(requester, Mode.SILENT)


PATIENTS_TIME = shipped_rules().rows[Requester.PATIENT].time_limit
INSURERS_TIME = shipped_rules().rows[Requester.INSURER].time_limit


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        (dt.date(2026, 9, 3), dt.date(2026, 10, 5), dt.date(2026, 12, 3)),  # 3 October is a Saturday
        (dt.date(2026, 1, 31), dt.date(2026, 3, 2), dt.date(2026, 4, 30)),  # 28 February is a Saturday
        (dt.date(2027, 12, 31), dt.date(2028, 1, 31), dt.date(2028, 3, 31)),
        (dt.date(2028, 1, 29), dt.date(2028, 2, 29), dt.date(2028, 5, 1)),  # leap year; 29 April is a Saturday
        (dt.date(2026, 11, 25), dt.date(2026, 12, 28), dt.date(2027, 2, 25)),
    ],
)
def test_one_month_and_two_more(received: dt.date, due: dt.date, extended: dt.date) -> None:
    holidays = (dt.date(2026, 12, 25),)
    assert PATIENTS_TIME.due(received, holidays=holidays) == due
    assert PATIENTS_TIME.due(received, extended=True, holidays=holidays) == extended


def test_working_days_days_and_no_time_limit() -> None:
    assert INSURERS_TIME.due(dt.date(2026, 11, 20)) == dt.date(2026, 12, 18)
    assert INSURERS_TIME.due(dt.date(2026, 11, 20), holidays=[dt.date(2026, 12, 1)]) == dt.date(2026, 12, 21)
    assert TimeLimit("", "", days=21).due(dt.date(2026, 11, 2)) == dt.date(2026, 11, 23)
    assert TimeLimit("", "", days=20).due(dt.date(2026, 11, 2)) == dt.date(2026, 11, 22), "a Sunday"
    assert shipped_rules().rows[Requester.COURT_ORDER].time_limit.due(dt.date(2026, 11, 2)) is None


@pytest.mark.parametrize(
    ("born", "band"),
    [
        (None, AgeBand.UNKNOWN),
        (dt.date(2026, 11, 23), AgeBand.UNKNOWN),
        (dt.date(2026, 11, 22), AgeBand.UNDER_16),
        (dt.date(2010, 11, 23), AgeBand.UNDER_16),
        (dt.date(2010, 11, 22), AgeBand.SIXTEEN_OR_SEVENTEEN),
        (dt.date(2008, 11, 23), AgeBand.SIXTEEN_OR_SEVENTEEN),
        (dt.date(2008, 11, 22), AgeBand.ADULT),
    ],
)
def test_the_age_on_the_day(born: dt.date | None, band: AgeBand) -> None:
    assert age_band(born, dt.date(2026, 11, 22)) is band
