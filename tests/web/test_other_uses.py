"""The fold for teaching, research and publication: there where it may be asked, and the same without a script."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.policy.choices import SecondaryUse
from mappings.model.consent import ConsentScope
from mappings.model.identifiers import CaptureId
from tests.web.conftest import Person
from tests.web.fake import FakeParts

FOLD = "Also for teaching, research or publication?"
ASKED = {"asked": ["consent_teaching", "consent_research", "consent_publication", "uses_explained", "uses_form"]}


def test_it_is_folded_and_nothing_is_chosen(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    page = person.get(f"captures/{capture}").text
    fold = page.split('id="uses-fold"')[1].split("</details>")[0]
    assert FOLD in fold and "checked" not in fold
    assert page.split('id="uses-fold"')[1].startswith(">"), "shut"
    assert parts.policy.wording.secondary_use in fold.replace("&#39;", "'"), "what to say (G-R73, G-R233)"
    assert parts.policy.retained("adult").told in fold.replace("&#39;", "'")
    assert "Ready to file" in page, "and nothing waits for it"


def test_without_a_script_a_yes_asks_how_and_a_change_of_mind_clears_it(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    answered = {**ASKED, "consent_teaching": "given"}
    assert person.post(f"captures/{capture}/answers", answered).status_code == 303
    page = person.get(f"captures/{capture}").text
    assert 'id="uses-fold" open' in page and "2 answers to go" in page
    refused = person.post(f"captures/{capture}/file")
    assert refused.status_code == 422 and "#uses_explained" in refused.text and "#uses_form" in refused.text
    person.post(f"captures/{capture}/answers", ASKED)
    said = parts.captures.drafts[CaptureId(capture)].answers.shared
    assert said["consent_teaching"] == ""
    assert "Ready to file" in person.get(f"captures/{capture}").text


@pytest.mark.parametrize(
    "answers", [{"capacity_doubt": "yes"}, {"intimacy": "private"}, {"arrival": "unasked"}], ids=lambda each: str(each)
)
def test_it_is_not_there_where_the_rules_forbid_it(person: Person, answers: dict[str, str]) -> None:
    capture, _ = person.ready()
    person.post(f"captures/{capture}/answers", answers)
    assert FOLD not in person.get(f"captures/{capture}").text


def test_a_script_gets_it_again_only_when_it_comes_or_goes(person: Person) -> None:
    capture, _ = person.ready()
    scripted = {"HX-Request": "true"}
    stays = person.post(f"captures/{capture}/answers", {"uses_drawn": "yes"}, **scripted).text
    assert 'id="uses"' not in stays
    goes = person.post(f"captures/{capture}/answers", {"uses_drawn": "yes", "capacity_doubt": "yes"}, **scripted).text
    assert 'id="uses"' in goes and FOLD not in goes
    comes = person.post(f"captures/{capture}/answers", {"capacity_doubt": ""}, **scripted).text
    assert FOLD in comes


def test_a_pack_that_never_uses_them_otherwise_asks_nobody(person: Person, parts: FakeParts) -> None:
    parts.policy = replace(parts.policy, secondary_use=SecondaryUse.NEVER)
    parts.captures.policy = parts.policy
    capture, _ = person.ready()
    assert FOLD not in person.get(f"captures/{capture}").text


def test_a_pack_may_ask_for_it_in_writing(person: Person, parts: FakeParts) -> None:
    parts.policy = replace(parts.policy, written_for=frozenset({ConsentScope.TEACHING}))
    parts.captures.policy = parts.policy
    capture, _ = person.ready()
    said = {**ASKED, "consent_teaching": "given", "uses_explained": "yes", "uses_form": "verbal"}
    person.post(f"captures/{capture}/answers", said)
    assert "asks for this consent in writing" in person.get(f"captures/{capture}").text
    assert person.post(f"captures/{capture}/file").status_code == 422
