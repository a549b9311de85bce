"""One well-behaved server for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.fhir.client import FhirUnderTest


@pytest.fixture
def fhir() -> Iterator[FhirUnderTest]:
    with FhirUnderTest() as server:
        yield server
