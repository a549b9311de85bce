"""What is learnt of servers that refuse a request as too large: the smallest, from answers alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fhir_plugin.adapters.server_limits import BELIEVED, FRESH, SMALLEST, DatabaseServerLimits
from fhir_plugin.ports import ServerLimits
from mappings.model.identifiers import FhirBase
from tests.conftest import OwnStores
from tests.fakes.server_limits import FakeServerLimits

HERE, ELSEWHERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
MB = 1_000_000


@pytest.fixture(params=["fake", "own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def limits(request: pytest.FixtureRequest) -> Iterator[ServerLimits]:
    if request.param == "fake":
        yield FakeServerLimits()
    else:
        own: OwnStores = request.getfixturevalue(request.param)
        yield DatabaseServerLimits(own.database, own.clock)


def test_the_smallest_refusal_counts_at_its_server_alone(limits: ServerLimits) -> None:
    assert limits.body_limit(HERE) is None
    for size in (5 * MB, 2 * MB, 3 * MB):
        limits.refused(HERE, size)
    assert limits.body_limit(HERE) == 2 * MB
    assert limits.body_limit(ELSEWHERE) is None


def test_a_small_request_was_not_refused_for_its_size(limits: ServerLimits) -> None:
    """A proxy that answers 413 to everything must not make a server useless for good."""
    limits.refused(HERE, SMALLEST - 1)
    assert limits.body_limit(HERE) is None
    limits.refused(HERE, SMALLEST)
    assert limits.body_limit(HERE) == SMALLEST


def test_a_type_that_was_refused_is_known_at_its_server_for_a_month(limits: ServerLimits) -> None:
    assert limits.refused_types(HERE) == frozenset()
    for content_type in ("image/jpeg", "image/png", "image/jpeg"):
        limits.refused_type(HERE, content_type)
    assert limits.refused_types(HERE) == {"image/jpeg", "image/png"}
    assert limits.refused_types(ELSEWHERE) == frozenset()
    assert limits.body_limit(HERE) is None


def test_a_type_is_tried_again_after_a_month_or_when_somebody_says_so(own: OwnStores) -> None:
    limits = DatabaseServerLimits(own.database, own.clock)
    limits.refused_type(HERE, "image/jpeg")
    own.clock.advance(seconds=BELIEVED.total_seconds() - 10)
    assert limits.refused_types(HERE) == {"image/jpeg"}
    limits.refused_type(HERE, "image/png")
    own.clock.advance(seconds=20)
    assert limits.refused_types(HERE) == {"image/png"}
    assert limits.forget(HERE) and not limits.forget(HERE)
    assert limits.refused_types(HERE) == frozenset()


def test_after_a_month_it_is_tried_again(own: OwnStores) -> None:
    limits = DatabaseServerLimits(own.database, own.clock)
    limits.refused(HERE, MB)
    own.clock.advance(seconds=BELIEVED.total_seconds() - 10)
    assert limits.body_limit(HERE) == MB
    own.clock.advance(seconds=20)
    assert limits.body_limit(HERE) is None
    limits.refused(HERE, 4 * MB)
    assert limits.body_limit(HERE) == 4 * MB, "what was learnt long ago is no smaller than what is learnt now"


def test_another_process_knows_soon_and_somebody_can_take_it_back(own: OwnStores) -> None:
    here, there = (DatabaseServerLimits(own.database, own.clock) for _ in range(2))
    assert there.body_limit(HERE) is None
    here.refused(HERE, MB)
    assert here.body_limit(HERE) == MB
    own.clock.advance(seconds=FRESH.total_seconds())
    assert there.body_limit(HERE) == MB
    assert there.forget(HERE) and not there.forget(HERE)
    assert there.body_limit(HERE) is None


@pytest.mark.parametrize("where", ["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def test_two_at_once_leave_the_smaller(request: pytest.FixtureRequest, where: str) -> None:
    own: OwnStores = request.getfixturevalue(where)
    limits = DatabaseServerLimits(own.database, own.clock)
    sizes = [MB + each for each in range(8)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda size: limits.refused(HERE, size), sizes))
    assert limits.body_limit(HERE) == MB
