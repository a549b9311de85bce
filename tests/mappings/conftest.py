"""Hypothesis without deadlines: the first use of the official definitions loads them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")
