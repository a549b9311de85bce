"""Inferno's mock for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.smart_launch.inferno.mock_server import MockServer, running_mock


@pytest.fixture(scope="session")
def inferno() -> Iterator[MockServer]:
    with running_mock() as mock:
        yield mock
