"""Hypothesis without deadlines, as the first use of the official definitions loads them; 50 examples a property."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("without-deadline", parent=settings.get_profile("untimed"), max_examples=50)
settings.load_profile("without-deadline")
