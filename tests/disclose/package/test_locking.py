"""A package behind a password is the same package to whoever has it, and closed to everybody else."""

from __future__ import annotations

import datetime as dt
import io

import pytest

from fhir_plugin.disclose.package.archive import NotOpened
from fhir_plugin.disclose.package.locking import locked
from fhir_plugin.disclose.package.password import new_password
from fhir_plugin.disclose.package.verify import verify_package
from tests.disclose.package.made import contents, image, lines, media, written

WHEN = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


def test_it_verifies_with_its_password_alone() -> None:
    package, _ = written(contents(lines(media(1)), [image(1)]))
    password = new_password()
    pieces = (package[start : start + 1000] for start in range(0, len(package), 1000))
    closed = b"".join(locked(pieces, password, WHEN))
    assert verify_package(io.BytesIO(closed), password=password).faults == ()
    for wrong in (None, new_password()):
        with pytest.raises(NotOpened):
            verify_package(io.BytesIO(closed), password=wrong)
