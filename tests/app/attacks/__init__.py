"""A misbehaving EHR, or an attacker, before the whole app: a clear page, the right status, nothing written or told."""

import pytest

pytest.register_assert_rewrite("tests.app.attacks.expect")
