"""One computer, one person after another: nobody works under the name of who was there before."""

from __future__ import annotations

from mappings.model.identifiers import LaunchId
from tests.app.conftest import OTHER_PATIENT, Browser, Shop


def statuses(browser: Browser, *launches: LaunchId) -> list[int]:
    return [browser.home(launch).status_code for launch in launches]


def test_another_person_s_launch_ends_those_of_the_person_before(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    first, second = browser.launch(), browser.launch(patient=OTHER_PATIENT)
    elsewhere = shop.browser()
    kept = elsewhere.launch()
    held = installation.tokens.get(first).grant
    assert statuses(browser, first, second) == [200, 200], "one person may have two charts open"
    assert installation.smart.introspect(held).active

    nurse = browser.launch(user="nurse")
    assert statuses(browser, first, second, nurse) == [401, 401, 200]
    assert statuses(elsewhere, kept) == [200], "the same person at another computer goes on"
    assert not installation.smart.introspect(held).active, "the access was not given back"
    ended = [each.entry for each in installation.audit.entries() if each.entry.action == "launch.ended"]
    assert {(each.launch, each.detail["why"]) for each in ended} >= {
        (first, "another-person"),
        (second, "another-person"),
    }


def test_signing_out_gives_the_access_back(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    launch = browser.launch()
    held = installation.tokens.get(launch).grant
    token = browser.home(launch).text.split('name="csrf-token" content="')[1].split('"')[0]
    page = browser.client.post(
        f"/l/{launch}/sign-out",
        data={"csrf_token": token, "patient": f"{shop.demo.sandbox.fhir_base}/Patient/p-adult-1"},
        headers={"Referer": shop.demo.app.origin},
    )
    assert "confirmed" in page.text
    assert not installation.smart.introspect(held).active
    assert statuses(browser, launch) == [401]


def test_a_launch_that_is_not_taken_up_gives_its_access_back(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    refused = [each for each in installation.audit.entries() if each.entry.action == "launch.refused"]
    shop.transport.asked.clear()
    answer = browser.get(browser.come_back(browser.leave(user="healthcare-assistant")))
    assert answer.status_code == 403
    assert [each for each in shop.transport.asked if each.endswith("/revoke")]
    after = [each for each in installation.audit.entries() if each.entry.action == "launch.refused"]
    assert len(after) == len(refused) + 1
