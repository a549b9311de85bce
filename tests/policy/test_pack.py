"""Policy packs: the shipped ones, and every way in which one can be wrong."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from importlib import resources

import pytest

from fhir_plugin.policy.choices import CareworkerCapture, KeepOriginal, StoreConsent
from fhir_plugin.policy.contents import ORGANISATIONS_OWN
from fhir_plugin.policy.keys import BY_NAME, KEYS
from fhir_plugin.policy.keys_of_choices import CHOICE_KEYS
from fhir_plugin.policy.layers import read_layer
from fhir_plugin.policy.pack import UnusablePack, parse_pack, shipped_layer, shipped_names, shipped_pack
from fhir_plugin.policy.values import Choice
from mappings.model.work import WorkKind
from mappings.terminology.body_sites import body_sites
from tests.policy.packs import BASES, OVERLAYS, base, overlay, toml

FILES = resources.files("fhir_plugin.policy") / "packs"
TODAY = dt.date(2027, 1, 4)
NAMES = [key.name for key in KEYS]
IDENTITY = {key.name for key in KEYS if key.identity}


def test_the_packs_that_ship() -> None:
    assert set(shipped_names()) == {*BASES, *OVERLAYS}
    for name in BASES:
        assert shipped_pack(name).reference == f"{name}/2026.11"
        for more in OVERLAYS:
            assert shipped_pack(f"{name}+{more}").id == f"{name}+{more}"


def test_the_strict_pack_is_the_default_of_every_choice() -> None:
    pack = shipped_pack()
    for key in CHOICE_KEYS:
        if isinstance(key.kind, Choice) and key.name != "pack.jurisdiction":
            assert getattr(pack, key.field) is next(iter(key.kind.values)), key.name
    assert (pack.age_consent, pack.age_child_image, pack.maturity_ages) == (16, 18, (16, 18))
    assert (pack.law.consent_age, pack.law.attorney_age) == (16, 18)
    assert pack.written_for == frozenset() and pack.provider_agreements == () and not pack.email_allowed_domains
    assert pack.retention_text_required and not pack.emergency_mode and not pack.secondary_explained
    assert pack.consent_receive_required and pack.store_consent is StoreConsent.REQUIRED
    assert pack.keep_original is KeepOriginal.NO and pack.careworker_capture is CareworkerCapture.OFF
    assert (pack.child_image_age, pack.most_images, pack.most_bytes_per_image) == (18, 10, 25 * 2**20)
    assert not pack.online_default_private and pack.ask_online_record and pack.reveal_reasons
    assert pack.discard_undo == dt.timedelta(minutes=10)
    assert pack.waiting_alert == dt.timedelta(days=1)
    by_law = {WorkKind.DISCLOSURE, WorkKind.DELETION, WorkKind.DELETION_REPLY}  # on a day of their own
    assert set(pack.work_hours) == set(WorkKind) - by_law
    assert pack.retained("child").review_years < pack.retained("adult").review_years


def test_what_the_gp_pack_takes_from_its_source() -> None:
    pack, strict = shipped_pack("gp-inform-only"), shipped_pack()
    assert (pack.store_consent, pack.receive_consent) == ("inform_and_objection", "implied_by_reply_to_request")
    assert (pack.on_store_refusal, pack.intimate_default) == ("continue", "describe_and_discard")
    same = {key.field for key in CHOICE_KEYS} - {"store_consent", "receive_consent", "on_store_refusal"}
    assert all(getattr(pack, name) == getattr(strict, name) for name in same)


def test_what_the_nhs_pack_takes_from_its_source() -> None:
    pack = shipped_pack("nhs-intimate-2020")
    assert pack.consent_receive_required and pack.store_consent is StoreConsent.REQUIRED
    assert (pack.on_store_refusal, pack.intimate_default) == ("require_f2f_offer", "undecided")
    assert (pack.email_channel, pack.email_allowed_domains) == ("fallback_with_warning", frozenset({"nhs.net"}))
    assert (pack.admin_preview, pack.personal_device) == ("non_sensitive_only", "non_intimate_view_only")
    assert pack.sexual_health_under_16 == "exceptional_with_second_clinician"
    assert pack.careworker_capture is CareworkerCapture.OFF and not pack.emergency_mode


def test_intimate_sites_are_the_private_ones_of_the_terminology() -> None:
    private = {code for code, listed in body_sites().items() if listed.site.private}
    for name in BASES:
        assert shipped_pack(name).intimate_sites == private


@pytest.mark.parametrize("name", [*BASES, *OVERLAYS])
def test_each_line_of_a_shipped_pack_has_its_reason(name: str) -> None:
    """For people in a comment beside it or in [reasons]; for machines in [reasons]."""
    layer = shipped_layer(name)
    assert {each for each in layer.values if BY_NAME[each].reasoned} == set(layer.reasons)
    assert all(source["cited"] and source["note"] for source in layer.values["pack.sources"])
    cited = {source["cited"] for source in shipped_layer("strict").values["pack.sources"]}
    for reason in layer.reasons.values():
        assert set(re.findall(r"\b(00\d):\d", reason)) <= cited


def test_every_choice_of_the_strict_file_names_its_disagreement_beside_it() -> None:
    text = (FILES / "strict.toml").read_text("utf-8").partition("\n[reasons]\n")[0]
    lines = [line.partition("#") for line in text.splitlines()]
    beside = {number for said, _, note in lines if said.strip() for number in re.findall(r"\bX\d+\b", note)}
    assert beside == {f"X{number}" for number in range(1, 27)}


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_needed_and_named_when_it_is_missing(name: str) -> None:
    with pytest.raises(UnusablePack, match=re.escape(name)):
        parse_pack(base(name))


WRONG_KINDS = [-1, 1.5, [-7], [[]], {"x": 1}, dt.datetime(1979, 5, 27, 7, 32, tzinfo=dt.UTC), " ", "a\u202eb", True]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_of_the_wrong_kind_is_refused_and_named(name: str) -> None:
    shipped = shipped_layer("strict").values[name]
    may_be_blank = name.removeprefix("wording.") in (*ORGANISATIONS_OWN, "emergency") or name == "pack.approved_by"
    wrong = [*WRONG_KINDS, 7 if isinstance(shipped, str) else "canary"]
    for value in wrong:
        if (value is True and isinstance(shipped, bool)) or (value == " " and may_be_blank):
            continue
        text = base(**{name.replace(".", "__"): value}) if name in IDENTITY else overlay({name: value}, specialty="x")
        with pytest.raises(UnusablePack, match=re.escape(name)) as raised:
            read_layer(text)
        assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("capture.most_images", 0),
        ("capture.most_images", 11),
        ("capture.discard_undo_minutes", "10"),
        ("capture.discard_undo_minutes", 61),
        ("online_record.ask", "no"),
        ("online_record.default_private", "maybe"),
        ("reveal.reasons", []),
        ("reveal.reasons", ["Direct care", "Direct care"]),
        ("pack.review_by", "2027-11-30"),
        ("pack.review_by", dt.date(9999, 12, 31)),
        ("pack.written_on", dt.date(9998, 1, 1)),
        ("pack.written_on", dt.date(1, 1, 1)),
        ("pack.sources", []),
        ("pack.sources", [{"cited": "1", "title": "No date", "note": "x"}]),
        ("pack.sources", [{"cited": "1", "title": "A month too many", "date": "2020-13", "note": "x"}]),
        ("pack.version", "2026/11"),
        ("pack.id", "../strict"),
        ("intimate.sites", [76752008]),
        ("intimate.sites", ["breast"]),
        ("email.allowed_domains", ["NHS.net"]),
        ("email.allowed_domains", ["*.nhs.net"]),
        ("email.allowed_domains", ["nhs.net/evil"]),
        ("consent.written_for", ["everything"]),
        ("consent.exempt_types", ["photograph"]),
        ("wording.who_sees", ""),
        ("wording.other_routes", "   "),
        ("wording.privacy_notice_url", "http://practice.example"),
        ("wording.privacy_notice_url", "javascript:alert(1)"),
        ("wording.who_sees", "x" * 5000),
        ("attestations.dpia", "yes"),
        ("attestations.dpia", ""),
        ("careworker.agreements", [{"provider": "Elm House", "reference": "A1"}]),
    ],
)
def test_values_that_look_right_and_are_not(name: str, value: object) -> None:
    with pytest.raises(UnusablePack, match=re.escape(name)):
        parse_pack(base(**{name.replace(".", "__"): value}))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('store.consents = "required"', "store.consents"),
        ('stores.consent = "required"', "stores.consent"),
        ("wording.bribe = 'x'", "wording.bribe"),
        ("attestations.everything = 2026-01-01", "attestations.everything"),
        ('extra = "x"', "extra"),
        ('pack.secret = "x"', "pack.secret"),
        ("surplus = {}", "surplus"),
        ('"store.consent" = "inform_and_objection"', "store.consent"),
        ('"a\\u001b[2Jb" = 1', "a?[2Jb"),
    ],
)
def test_an_unknown_key_is_refused_and_named(line: str, named: str) -> None:
    with pytest.raises(UnusablePack, match=re.escape(named)) as raised:
        parse_pack(f"{line}\n{base()}")
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("reasons", ['reasons = "none"', "reasons = {}", "reasons = 1"])
def test_a_pack_without_reasons_is_refused(reasons: str) -> None:
    with pytest.raises(UnusablePack, match="reason"):
        parse_pack(f"{reasons}\n" + base().partition("[reasons]")[0])


def test_a_decision_without_a_reason_is_refused_and_so_is_a_reason_without_a_decision() -> None:
    text = base()
    with pytest.raises(UnusablePack, match=r"no reason for the key store\.consent"):
        parse_pack(re.sub(r'(?m)^"store.consent" = .*\n', "", text))
    with pytest.raises(UnusablePack, match=r"store\.consent is not some text"):
        parse_pack(re.sub(r'(?m)^"store.consent" = .*$', '"store.consent" = "  "', text))
    with pytest.raises(UnusablePack, match=r"store\.consent is not some text"):
        parse_pack(re.sub(r'(?m)^"store.consent" = .*$', r'"store.consent" = "\\u001b[2J"', text))
    with pytest.raises(UnusablePack, match=r"reason for nothing\.such"):
        parse_pack(text + '"nothing.such" = "because"\n')


DEEP = ".".join("a" * 5000)
HOSTILE = [f"{DEEP} = 1", "x = " + "[" * 5000 + "]" * 5000, "x = " + "9" * 5000, "x = 2026-02-30"]


@pytest.mark.parametrize("text", [*HOSTILE, "id = canary", "", "[pack]\n", "pack = 1", "\x00", "pack.kind = 'Base'"])
def test_what_is_no_pack_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(UnusablePack) as raised:
        parse_pack(text)
    assert "canary" not in str(raised.value)


def test_the_shipped_files_are_what_they_seem() -> None:
    """Written here as dotted keys, a pack reads the same as its file of tables."""
    for name in BASES:
        assert parse_pack(base(on=name)) == shipped_pack(name)
        assert tomllib.loads((FILES / f"{name}.toml").read_text("utf-8"))["pack"]["id"] == name


def test_what_an_organisation_has_still_to_say() -> None:
    pack = shipped_pack()
    assert {"wording.telephone", "attestations.dpia", "pack.approved_on"} <= set(pack.gaps(TODAY))
    own: dict[str, object] = {f"attestations.{each.name}": dt.date(2026, 12, 1) for each in pack.attestations}
    own |= {f"wording.{name}": "https://practice.example/privacy" for name in ORGANISATIONS_OWN}
    approval = {"approved_by": "Dr Amara Nwosu, partner", "organisation": "Elm Tree Surgery"}
    text = overlay(own, **approval).replace('approved_on = "not-yet"', "approved_on = 2026-12-02")
    full = parse_pack(base(), text)
    assert full.gaps(TODAY) == ()
    assert len(full.gaps(dt.date(2026, 11, 30))) == len(full.attestations) + 1, "what is to come has not happened"
    assert (full.approved_by, full.organisation) == ("Dr Amara Nwosu, partner", "Elm Tree Surgery")
    early = parse_pack(base(), text.replace("approved_on = 2026-12-02", "approved_on = 2026-11-21"))
    assert early.gaps(TODAY) == ("pack.approved_on",), "what was approved is not what is written now"


def test_toml_of_the_tests_is_toml() -> None:
    value = {"a": ['x\x7f\\"\u2028', 1, True, dt.date(2026, 1, 2)], "b": {"c": 1.5}}
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value
