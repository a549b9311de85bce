"""Answers that the organisation's own policy names: its agreements with care providers, its mailboxes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fhir_plugin.policy.contents import PolicyPack

ELSEWHERE = "elsewhere"
"""A mailbox that the policy does not name."""


def offered(question: str, pack: PolicyPack, today: dt.date) -> Mapping[str, str]:
    """What may be answered to a question of kind `offered`, with its words, in the order to show (G-R129, G-R326).

    An agreement that is dated later than `today` has not been made. Empty for every other question.
    """
    match question:
        case "provider_agreement":
            made = [each for each in pack.provider_agreements if each.agreed_on <= today]
            named = [f"{each.provider}, {each.reference}, of {each.agreed_on.isoformat()}" for each in made]
            return dict(zip(named, named, strict=True))
        case "mailbox":
            return {
                **{each: f"Ours, at {each}" for each in sorted(pack.email_allowed_domains)},
                ELSEWHERE: "Another one",
            }
        case _:
            return {}
