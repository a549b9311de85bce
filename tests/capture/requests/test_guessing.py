"""Ten thousand guesses cost little, tell nothing, and shut nobody out who holds a link."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.capture.requests.link import MOST_GUESSES, STRETCH, LinkRefused
from fhir_plugin.capture.requests.page import Stage
from fhir_plugin.capture.requests.parts import Door
from tests.capture.requests.bench import BORN, Asking


def guess(asking: Asking, secret: str, address: str) -> str:
    with pytest.raises(LinkRefused) as refused:
        asking.visits.open(Door(secret, address=address))
    assert refused.value.state is None
    return refused.value.code


def test_ten_thousand_guesses_from_one_address_write_twenty_rows_and_spare_the_patient_behind_it() -> None:
    asking = Asking()
    _, door = asking.sent()
    codes = [guess(asking, secrets.token_urlsafe(32), door.address) for _ in range(10_000)]
    assert codes.count("link-unknown") == MOST_GUESSES
    assert codes.count("link-busy") == 10_000 - MOST_GUESSES
    assert asking.tries.writes == MOST_GUESSES
    assert asking.visits.open(door).stage is Stage.CHECK
    assert asking.visits.check_birth_date(door, BORN)


def test_after_a_while_an_address_may_try_again_and_nothing_is_kept_of_it() -> None:
    asking = Asking()
    for _ in range(MOST_GUESSES + 1):
        guess(asking, "a" * 43, "192.0.2.7")
    assert guess(asking, "a" * 43, "192.0.2.7") == "link-busy"
    assert guess(asking, "a" * 43, "192.0.2.8") == "link-unknown"
    asking.bench.clock.advance(seconds=int(STRETCH.total_seconds()) + 1)
    assert asking.tries.forget(asking.bench.clock.now() - STRETCH) == 2
    assert guess(asking, "a" * 43, "192.0.2.7") == "link-unknown"


@given(st.lists(st.tuples(st.sampled_from(["x", "y", "z"]), st.integers(0, 400)), max_size=120))
def test_never_more_than_the_limit_in_any_stretch(tries: list[tuple[str, int]]) -> None:
    asking = Asking()
    passed: dict[str, list[object]] = {}
    for address, pause in tries:
        asking.bench.clock.advance(seconds=pause)
        if guess(asking, "a" * 43, address) == "link-unknown":
            passed.setdefault(address, []).append(asking.bench.clock.now())
    for times in passed.values():
        for first, last in zip(times, times[2 * MOST_GUESSES :], strict=False):
            assert last - first > STRETCH  # type: ignore[operator]


@given(st.text(max_size=60))
def test_whatever_is_tried_opens_nothing_and_says_nothing(text: str) -> None:
    asking = Asking()
    asking.sent()
    assert guess(asking, text, "192.0.2.1") == "link-unknown"


def test_a_wrong_secret_learns_nothing_about_requests_that_are_over() -> None:
    asking = Asking()
    request_id, door = asking.sent()
    asking.visits.decline(door)
    assert asking.visits.open(door).stage is Stage.OVER
    assert guess(asking, door.secret[:-1] + "X", "192.0.2.1") == "link-unknown"
    with pytest.raises(LinkRefused):
        asking.visits.decline(replace(door, secret=door.secret.upper()))
    assert asking.now(request_id).links == 1


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("not an address", "192.0.2.1", False),
    ],
)
def test_somebody_with_many_addresses_is_one_guesser(one: str, other: str, alike: bool) -> None:
    asking = Asking()
    for _ in range(MOST_GUESSES):
        guess(asking, "a" * 43, one)
    assert guess(asking, "a" * 43, other) == ("link-busy" if alike else "link-unknown")
