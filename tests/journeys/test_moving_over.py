"""An EHR that takes words alone learns to hold images: what was kept beside it goes over at the next launch."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fhir_plugin.adapters.companion_kept import counted
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.walkthrough import launch, launch_of, open_browser, walk
from fhir_plugin.walkthrough_deletion import unlike_any_other
from fhir_plugin.web.access import clinical_session
from mappings.model.people import ClinicalSession
from mappings.model.writeback import CopyState


def at_the_chart(demo: Demo, browser: Any) -> ClinicalSession:
    id = launch_of(launch(demo, browser, user="gp"))
    demo.installation.parts.background.settle(60)
    return clinical_session(demo.installation.sessions.get(id))


@pytest.mark.exhaustive
def test_what_was_kept_beside_a_chart_is_in_it_after_the_next_launch(tmp_path: Path) -> None:
    with start_demo(tmp_path, like="text-only") as demo, open_browser() as browser:
        ehr, app = urlsplit(demo.sandbox.origin), urlsplit(demo.installation.settings.base_url)
        image = str(walk(demo, unlike_any_other(), "image/jpeg")["media"])
        session = at_the_chart(demo, browser)
        record = demo.installation.records.record_of(session.launch_id)
        kept = record.read(*image.split("/"))
        content = record.read_binary(kept["content"]["url"]).content
        assert {each.why for each in demo.installation.moving.kept(session)} != {""}
    again = start_demo(tmp_path, app_port=app.port or 0, ehr_port=ehr.port or 0)
    with again as demo, open_browser() as browser:
        session = at_the_chart(demo, browser)
        places = demo.installation.records.places_of(session.launch_id)
        assert counted(demo.installation.database) == [], demo.installation.moving.kept(session)
        there = places.there.read(*image.split("/"))
        assert there["meta"]["security"] == kept["meta"]["security"] and there["content"] == kept["content"]
        assert places.there.read_binary(there["content"]["url"]).content == content
        assert image in {each.entry.reference for each in demo.installation.gallery.images(session)}
        [copy] = demo.installation.parts.copies.of_patient(session.fhir_base, session.patient_id)
        assert copy.state is CopyState.IN_CHART
