"""What the tests of the SMART client share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from smart_launch import Transport
from tests.smart_launch.counterparty import Counterparty


@pytest.fixture
def edge() -> Iterator[responses.RequestsMock]:
    """The HTTP edge: whatever is not registered there cannot be reached."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def ehr(edge: responses.RequestsMock) -> Counterparty:
    """A well-behaved EHR at the edge."""
    counterparty = Counterparty()
    counterparty.attach(edge)
    return counterparty


@pytest.fixture
def wire(edge: responses.RequestsMock) -> Iterator[Transport]:
    """A transport that ends at the edge."""
    transport = Transport()
    yield transport
    transport.close()
