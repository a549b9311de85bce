"""Where we may connect, and what lies inside a FHIR base."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.addresses import is_loopback_name, may_connect
from smart_launch.urls import is_safe_endpoint, is_within, resolve, well_known

NOBODY: frozenset[str] = frozenset()
HOST = "fhir.ehr.example"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("ehr.localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.3", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost.example.org", False),
        ("xlocalhost", False),
        ("128.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("", False),
    ],
)
def test_what_means_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback_name(host) is loopback


@given(st.ip_addresses())
def test_without_registration_only_public_addresses(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if may_connect(HOST, str(address), NOBODY):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_loopback


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothing_is_judged_by_itself(address: ipaddress.IPv4Address) -> None:
    plain = may_connect(HOST, str(address), NOBODY)
    number = int(address)
    dressed = (
        f"::ffff:{address}",
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
    )
    for form in dressed:
        assert may_connect(HOST, form, NOBODY) == plain


@given(st.ip_addresses())
def test_a_loopback_name_means_loopback_only(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert may_connect("localhost", str(address), NOBODY) == (mapped or address).is_loopback


@pytest.mark.parametrize(
    ("host", "address", "registered", "good"),
    [
        (HOST, "10.0.0.1", {HOST}, True),
        (HOST, "127.0.0.1", {HOST}, True),
        (HOST, "fd00::1", {HOST}, True),
        (HOST, "10.0.0.1", {"other.example"}, False),
        (HOST, "169.254.169.254", {HOST}, False),
        (HOST, "0.0.0.0", {HOST}, False),
        (HOST, "224.0.0.1", {HOST}, False),
        ("169.254.1.1", "169.254.1.1", {"169.254.1.1"}, True),
        ("10.0.0.1", "10.0.0.1", {"10.0.0.1"}, True),
        (HOST, "fe80::1%eth0", NOBODY, False),
        (HOST, "nonsense", {HOST}, False),
        (HOST, "8.8.8.8", NOBODY, True),
    ],
)
def test_registration(host: str, address: str, registered: set[str], good: bool) -> None:
    assert may_connect(host, address, frozenset(registered)) is good


@given(st.text(max_size=60))
def test_no_text_breaks_the_judges(text: str) -> None:
    for url in (text, "https://" + text, "https://fhir.ehr.example/" + text):
        is_safe_endpoint(url)
        is_within("https://fhir.ehr.example/r4", url)
    may_connect(text, text, NOBODY)


segments = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(st.lists(segments, max_size=4), st.booleans())
def test_paths_below_a_base_are_inside_and_siblings_are_not(path: list[str], slash: bool) -> None:
    base = "https://fhir.ehr.example/r4" + ("/" if slash else "")
    inside = "/".join(["https://fhir.ehr.example/r4", *path])
    assert is_within(base, inside)
    assert not is_within(base, inside.replace("/r4", "/r4x", 1))
    assert not is_within(base, inside.replace("https", "http", 1))
    assert not is_within(base, "https://fhir.ehr.example/r4/../" + "/".join(path))


def test_well_known_comes_after_the_path() -> None:
    for base in ("https://a.example/x/r4", "https://a.example/x/r4/"):
        assert well_known(base, "y") == "https://a.example/x/r4/.well-known/y"
        assert resolve(base, "auth") == "https://a.example/x/r4/auth"
