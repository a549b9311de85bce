"""Inferno's mock for all tests of this folder, and what the library did with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.smart_launch.inferno.mock_server import MockServer, running_mock
from tests.smart_launch.inferno.tested_app import Library


@pytest.fixture(scope="session")
def inferno() -> Iterator[MockServer]:
    with running_mock() as mock:
        yield mock


@pytest.fixture(scope="session")
def library(inferno: MockServer) -> Iterator[Library]:
    with ExitStack() as until:
        yield Library(inferno, until)
