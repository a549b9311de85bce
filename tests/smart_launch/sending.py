"""The transport as tests use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smart_launch import Transport

CANARY = "canary-5f1c"


@pytest.fixture
def transport() -> Iterator[Transport]:
    sender = Transport(connect_timeout=2, read_timeout=2, total_timeout=5)
    yield sender
    sender.close()
