"""HL7's own validator about our package: what we publish, the examples, and what our profiles refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mappings.profiles.examples import examples
from mappings.profiles.package import definitions, package_archive
from mappings.profiles.shape import profile_url
from mappings.profiles.which import profile_of
from tests.profiles.anything import ANYTHING
from tests.profiles.spoiling import Spoilt
from tests.profiles.spoilt import REFUSED
from tests.profiles.written import written_by
from tests.servers.hl7_validator import Hl7Validator, running_validator

Json = dict[str, Any]

pytestmark = [pytest.mark.needs("javac"), pytest.mark.needs("mvn"), pytest.mark.needs("npm")]

CLAIMING = {f"{each.resource['resourceType']}/{each.resource['id']}": each.claiming for each in examples()}
SLOW = {"Extension"}
"""For each extension the validator reads all of R4 again: a few of them here, and all of them with --exhaustive."""
FEW = {"earlier-decision"}
OTHERS = ("images-only", "hapi", "no-media", "create-only", "epic", "text-only", "strict")


@pytest.fixture(scope="module")
def validator() -> Iterator[Hl7Validator]:
    with running_validator(package_archive()) as running:
        yield running


def _is_quick(definition: Json) -> bool:
    return definition.get("type") not in SLOW or definition["id"] in FEW


def test_what_we_publish_has_no_error(validator: Hl7Validator) -> None:
    wrong = {each["id"]: found for each in definitions() if _is_quick(each) and (found := validator.errors(each))}
    assert wrong == {}


@pytest.mark.exhaustive
def test_every_extension_has_no_error(validator: Hl7Validator) -> None:
    wrong = {each["id"]: found for each in definitions() if not _is_quick(each) and (found := validator.errors(each))}
    assert wrong == {}


def test_every_example_keeps_its_profile(validator: Hl7Validator) -> None:
    wrong = {name: found for name, each in CLAIMING.items() if (found := validator.errors(each))}
    assert wrong == {}


def test_every_profile_refuses_for_the_right_reason(validator: Hl7Validator) -> None:
    """The same resource without the claim is valid R4: nothing but the profile refuses it."""
    missed = {}
    for each in REFUSED:
        spoilt = each.of(CLAIMING[each.example])
        against = validator.errors(spoilt)
        base = validator.errors(_claiming_nothing(spoilt))
        if base or not any(each.because in found for found in against):
            missed[_name(each)] = base or against
    assert missed == {}


def _claiming_nothing(resource: Json) -> Json:
    meta = {key: value for key, value in resource["meta"].items() if key != "profile"}
    plain = {key: value for key, value in resource.items() if key != "meta"}
    return plain | ({"meta": meta} if meta else {})


def _name(each: Spoilt) -> str:
    return f"{each.profile}: {each.how}"


def _holds_for_anything(validator: Hl7Validator, profile: str, most: int) -> None:
    quick = (Phase.explicit, Phase.generate)  # making it smaller would ask the validator hundreds of times

    @settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck), phases=quick)
    @given(ANYTHING[profile])
    def keeps(resource: Json) -> None:
        assert profile_of(resource) == profile
        assert validator.errors(resource, profile_url(profile)) == []

    keeps()


@pytest.mark.parametrize("profile", ANYTHING)
def test_whatever_is_written_keeps_its_profile(validator: Hl7Validator, profile: str) -> None:
    _holds_for_anything(validator, profile, 5)


@pytest.mark.exhaustive
@pytest.mark.parametrize("profile", ANYTHING)
def test_whatever_is_written_keeps_its_profile_many_times(validator: Hl7Validator, profile: str) -> None:
    _holds_for_anything(validator, profile, 300)


@pytest.mark.parametrize("like", ["default", *(pytest.param(each, marks=pytest.mark.exhaustive) for each in OTHERS)])
def test_what_a_walkthrough_writes_keeps_our_profiles(
    validator: Hl7Validator, like: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    written = written_by(tmp_path_factory.mktemp("demo"), like)
    kept = {profile for profile, _resource in written}
    assert kept >= {"photograph-consent", "filing-provenance"} and kept & {"photograph", "photograph-document"}
    wrong = {
        f"{profile} {each['resourceType']}/{each['id']}": found
        for profile, each in written
        if (found := validator.errors(each, profile_url(profile)))
    }
    assert wrong == {}
