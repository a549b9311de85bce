"""Policy packs: what an organisation decided, as data. The engine that reads them decides nothing itself."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from fhir_plugin.errors import PluginError


class UnusablePack(PluginError):
    """A policy pack is incomplete or holds a value that the engine does not know: it is not loaded."""

    code = "unusable-policy-pack"


@dataclass(frozen=True)
class PolicyPack:
    """One pack in force. Every decision stores `reference` (id and version)."""

    id: str
    version: str
    review_by: dt.date
    sources: tuple[str, ...]
    consent_receive_required: bool
    consent_store_required: bool
    explained: str
    child_image_age: int
    most_images: int
    most_bytes_per_image: int
    lossless_when_asked: bool
    keep_original: bool
    discard_undo: dt.timedelta
    waiting_alert: dt.timedelta
    shortest_purpose: int
    ask_online_record: bool
    online_default_ordinary: bool
    online_default_private: bool
    careworker_capture: bool
    reveal_reasons: tuple[str, ...]

    @property
    def reference(self) -> str:
        return f"{self.id}/{self.version}"


YOUNGEST_CHILD_AGE = 18
"""The floor of X12: no pack may treat the image of somebody under 18 as an adult's."""


class _Table:
    """One table of a pack, read key by key: every wrong or missing one is named as `table.key`."""

    def __init__(self, values: Any, name: str = "") -> None:
        self._name = name
        if not isinstance(values, dict):
            raise UnusablePack(f"the policy pack's {name} is not a table")
        self._values: dict[str, Any] = values

    def table(self, key: str) -> _Table:
        return _Table(self._get(key), key)

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, "some text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._get(key)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            raise self._wrong(key, "a list of texts")
        return tuple(value)

    def day(self, key: str) -> dt.date:
        value = self._get(key)
        if type(value) is not dt.date:
            raise self._wrong(key, "a day")
        return value

    def number(self, key: str, *, least: int) -> int:
        value = self._get(key)
        if type(value) is not int or value < least:
            raise self._wrong(key, f"a whole number of at least {least}")
        return value

    def yes_no(self, key: str) -> bool:
        value = self._get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def choice(self, key: str, values: dict[str, bool]) -> bool:
        value = self._get(key)
        if not isinstance(value, str) or value not in values:
            raise self._wrong(key, f"one of {', '.join(values)}")
        return values[value]

    def _get(self, key: str) -> Any:
        if key not in self._values:
            raise UnusablePack(f"the policy pack lacks the key {self._named(key)}")
        return self._values[key]

    def _wrong(self, key: str, expected: str) -> UnusablePack:
        return UnusablePack(f"the policy key {self._named(key)} has a value that is not {expected}")

    def _named(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key


def parse_pack(text: str) -> PolicyPack:
    """Reads a pack from TOML. Raises `UnusablePack` naming the missing or wrong key."""
    try:
        top = _Table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UnusablePack("the policy pack is not valid TOML") from error
    consent, capture, online = top.table("consent"), top.table("capture"), top.table("online_record")
    yes_no = {"yes": True, "no": False}
    return PolicyPack(
        id=top.text("id"),
        version=top.text("version"),
        review_by=top.day("review_by"),
        sources=top.texts("sources"),
        consent_receive_required=consent.choice("receive", {"required": True, "implied_by_reply_to_request": False}),
        consent_store_required=consent.choice("store", {"required": True, "inform_and_objection": False}),
        explained=consent.text("explained"),
        child_image_age=top.table("age").number("child_image", least=YOUNGEST_CHILD_AGE),
        most_images=capture.number("most_images", least=1),
        most_bytes_per_image=capture.number("most_bytes_per_image", least=1),
        lossless_when_asked=capture.choice("lossless", {"when-asked": True, "never": False}),
        keep_original=capture.choice("keep_original", {"audit-vault": True, "no": False}),
        discard_undo=dt.timedelta(minutes=capture.number("discard_undo_minutes", least=0)),
        waiting_alert=dt.timedelta(hours=capture.number("waiting_alert_hours", least=1)),
        shortest_purpose=capture.number("shortest_purpose", least=1),
        ask_online_record=online.yes_no("ask"),
        online_default_ordinary=online.choice("default_ordinary", yes_no),
        online_default_private=online.choice("default_private", yes_no),
        careworker_capture=top.table("careworker").choice("capture", {"per_provider_agreement": True, "off": False}),
        reveal_reasons=top.table("reveal").texts("reasons"),
    )


def shipped_pack(name: str = "strict") -> PolicyPack:
    """One of the packs that come with the app."""
    return parse_pack((resources.files("fhir_plugin.policy") / "packs" / f"{name}.toml").read_text("utf-8"))
