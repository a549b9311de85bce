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


def _choice(table: dict[str, Any], key: str, values: dict[str, bool]) -> bool:
    value = table[key]
    if value not in values:
        raise UnusablePack(f"policy key {key} has a value that is not one of {', '.join(values)}")
    return values[value]


def parse_pack(text: str) -> PolicyPack:
    """Reads a pack from TOML. Raises `UnusablePack` naming the missing or wrong key."""
    try:
        top = tomllib.loads(text)
        consent, capture, online = top["consent"], top["capture"], top["online_record"]
        yes_no = {"yes": True, "no": False}
        return PolicyPack(
            id=top["id"],
            version=top["version"],
            review_by=top["review_by"],
            sources=tuple(top["sources"]),
            consent_receive_required=_choice(
                consent, "receive", {"required": True, "implied_by_reply_to_request": False}
            ),
            consent_store_required=_choice(consent, "store", {"required": True, "inform_and_objection": False}),
            explained=consent["explained"],
            child_image_age=int(top["age"]["child_image"]),
            most_images=int(capture["most_images"]),
            most_bytes_per_image=int(capture["most_bytes_per_image"]),
            lossless_when_asked=_choice(capture, "lossless", {"when-asked": True, "never": False}),
            keep_original=_choice(capture, "keep_original", {"audit-vault": True, "no": False}),
            discard_undo=dt.timedelta(minutes=capture["discard_undo_minutes"]),
            waiting_alert=dt.timedelta(hours=capture["waiting_alert_hours"]),
            shortest_purpose=int(capture["shortest_purpose"]),
            ask_online_record=bool(online["ask"]),
            online_default_ordinary=_choice(online, "default_ordinary", yes_no),
            online_default_private=_choice(online, "default_private", yes_no),
            careworker_capture=_choice(top["careworker"], "capture", {"per_provider_agreement": True, "off": False}),
            reveal_reasons=tuple(top["reveal"]["reasons"]),
        )
    except tomllib.TOMLDecodeError as error:
        raise UnusablePack("the policy pack is not valid TOML") from error
    except KeyError as error:
        raise UnusablePack(f"the policy pack lacks the key {error.args[0]}") from error
    except (TypeError, ValueError) as error:
        raise UnusablePack("the policy pack holds a value of the wrong kind") from error


def shipped_pack(name: str = "strict") -> PolicyPack:
    """One of the packs that come with the app."""
    return parse_pack((resources.files("fhir_plugin.policy") / "packs" / f"{name}.toml").read_text("utf-8"))
