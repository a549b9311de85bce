"""Taking every pointer to what is withheld out of one resource that goes out.

Works on the parsed JSON, by what values say rather than by a list of paths: an element nobody thought of, an
extension, a primitive's `_element` and an unknown element are walked like any other. What need not change is the same
object afterwards.

A pointer that stands alone in an item of a list takes the item with it, with whatever words stand beside it. What an
object cannot be without takes the object with it. What the resource itself cannot be without is masked
(`Mode.MARKED`), or the resource stays out (`Mode.SILENT`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from fhir_plugin.disclose.redact.copies import decoded
from fhir_plugin.disclose.redact.free_text import may_speak_of
from fhir_plugin.disclose.redact.hints import Hints
from fhir_plugin.disclose.redact.names import Names, is_attachment
from fhir_plugin.disclose.redact.shapes import shapes
from fhir_plugin.disclose.redact.strict import Json, is_object
from fhir_plugin.disclose.redact.unwrap import Unseen, is_words, unwrapped


class _Gone:
    """Stands for a value that was cut."""


GONE: Final = _Gone()

MASKED: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

_IN_PLACE: Final = ("authorReference", "assigner", "onBehalfOf", "sender", "recipient", "source", "encounter")
"""Who spoke or where: when such a pointer is cut, what stands beside it says nothing about it, and stays."""

_OF_ANOTHER_VERSION: Final = re.compile(r"http://hl7\.org/fhir/\d\.\d/StructureDefinition/extension-")
_HEADING: Final = "heading"
"""The title of a document, a list or a section, which may be a picture's; a file may be called as another one is."""
_SCENARIO: Final = frozenset(
    ["resourceId", "resourceType", "name", "description", "version", "containedInstance", "id", "extension"]
)
_REFERENCE: Final = frozenset(["reference", "type", "identifier", "display", "id", "extension"])
_SAMPLES: Final = re.compile(r"[0-9EUL.eE+\-\s]*")
"""SampledData.data, of which the shortest could be base64, too."""


def mask() -> Json:
    """An element whose value is left out for privacy; valid wherever R4 wants an element."""
    return {"extension": [{"url": MASKED, "valueCode": "masked"}]}


class Cutter:
    """Cuts one resource. What it found on the way is in `cuts`, and in `person_needed` when somebody has to look."""

    def __init__(
        self,
        names: Names,
        hints: Hints,
        *,
        local: frozenset[str] = frozenset(),
        inner: Callable[[Json], object],
        read_by_person: bool = False,
        silent: bool = False,
    ) -> None:
        """`local`: ids of withheld contained resources. `inner`: what becomes of a resource inside (GONE to cut it).

        `read_by_person`: somebody has read the free text and it may go out. `silent`: nothing may tell of a gap.
        """
        self._names = names
        self._hints = hints
        self._local = frozenset(f"#{id_}" for id_ in local)
        self._inner = inner
        self._read_by_person = read_by_person
        self._silent = silent
        self.cuts: Counter[str] = Counter()
        self._review: str | None = None
        self.gone_at_root: set[str] = set()
        self.common_titles: set[str] = set()
        self._masked: frozenset[str] = frozenset()
        self._masking = False
        self._is_picture = False

    def cut(self, resource: Json, *, masked: Collection[str] = ()) -> Json:
        """The resource without pointers; the same object when there were none. Look at `gone_at_root` for what it
        lost as a whole, and at `person_needed`. In elements named in `masked`, pointers are masked, not cut."""
        self.cuts.clear()
        self.gone_at_root.clear()
        self._masked = frozenset(masked)
        self._is_picture = _is_picture(resource)
        return self._object(resource, str(resource["resourceType"]), root=True)[0]

    def person_needed(self) -> str | None:
        """The rule by which a person has to look at this resource; None when nobody has to."""
        return self._review

    def cut_entry(self, entry: Json) -> Json:
        """What stands around a resource in a Bundle's entry; the same object when it names nothing withheld."""
        return self._object(entry, "Bundle.entry")[0]

    def keeps(self, value: Json) -> bool:
        """Whether an object names nothing withheld at all."""
        return self._object(value, "")[0] is value

    def keeps_narrative(self, resource: Json) -> bool:
        """Whether the summary at the top of a resource names, shows or may speak of nothing withheld."""
        text = resource.get("text")
        return not is_object(text) or not narrative_names(text, self._names, self._hints, self._local)

    # ---------------------------------------------------------------------------------------------------- objects

    def _object(self, value: Json, kind: str, *, root: bool = False) -> tuple[Json, bool]:
        """The object, and whether a pointer that stood alone in it was cut (or something it cannot be without)."""
        changed: Json = {}
        dropped: list[str] = []
        lost = False
        for name, inner in value.items():
            if name == "resourceType" or (root and name in ("text", "contained", "id")):
                continue
            if name == "data" and isinstance(inner, str) and not root and is_attachment(value):  # looked at before
                continue
            self._masking = name in self._masked if root else self._masking
            heading = name == "title" and not is_attachment(value)
            new = self._element(inner, shapes().inside(kind, name), _HEADING if heading else name)
            if new is GONE:
                dropped.append(name)
                lost = lost or (not isinstance(inner, list) and name not in _IN_PLACE and not name.startswith("_"))
                lost = lost or shapes().must_have(kind, name) or (name in ("item", "answer", "data", "part"))
            elif new is not inner:
                changed[name] = new
            lost = lost or (name == "extension" and new is not inner and _loses_an_element(inner, new))
        if not changed and not dropped:
            return value, False
        if root:
            self.gone_at_root.update(dropped)
            lost = False
        whole = {name: changed.get(name, inner) for name, inner in value.items() if name not in dropped}
        for name in dropped:
            whole.pop(f"_{name}", None)
        self._align(value, whole)
        if (changed or dropped) and not root and is_narrative(whole.get("text")) and self.drop_narrative(whole):
            lost = lost or not {"entry", "section"} & set(whole)
        return whole, lost

    def _element(self, value: object, kind: str, name: str) -> object:
        if isinstance(value, str):
            return self._string(value, name)
        if isinstance(value, list):
            return self._list(value, kind, name)
        if is_object(value):
            return self._inside(value, kind, name, item=False)
        return value

    def _inside(self, value: Json, kind: str, name: str, *, item: bool) -> object:
        if isinstance(value.get("resourceType"), str) and not is_instance_of_scenario(value):
            return self._inner(value)
        if is_narrative(value):
            return self._narrative(value)
        if name not in ("extension", "modifierExtension"):
            found = self._is_pointer(value)
            if found:
                self.cuts[found] += 1
                return mask() if self._masking and value != mask() else GONE
        new, lost = self._object(self._without_numbering(value), kind)
        if new is value:
            return value
        if name == "section" and not {"text", "entry", "section"} & set(new):
            return GONE
        if name == "modifierExtension":
            self._ask("modifier-extension")
            return GONE
        if (lost and (item or self._is_needed(value, new, kind))) or not _says_something(new):
            return GONE
        if name == "extension":
            return GONE
        return _without_code(new) if "system" in value and "system" not in new else new

    def _without_numbering(self, value: Json) -> Json:
        if not self._silent or not is_attachment(value) or not self._names.numbered_like(value.get("title")):
            return value
        self.cuts["numbering"] += 1
        return {name: inner for name, inner in value.items() if name not in ("title", "_title")}

    def _is_needed(self, before: Json, after: Json, kind: str) -> bool:
        lost = set(before) - set(after)
        return any(shapes().must_have(kind, name) for name in lost) or _is_typed_reference(before)

    def _list(self, value: list[object], kind: str, name: str) -> object:
        kept: list[object] = []
        same = True
        for each in value:
            if isinstance(each, str):
                new: object = self._string(each, name)
            elif is_object(each):
                new = self._inside(each, kind, name, item=True)
            elif isinstance(each, list):
                new = self._list(each, kind, name)
            else:
                new = each
            same = same and new is each
            if new is GONE and (name.startswith("_") or isinstance(each, str)):
                kept.append(None)  # the twin list of a primitive counts by place
            elif new is not GONE:
                kept.append(new)
        if same:
            return value
        return kept if any(each is not None for each in kept) else GONE

    def _align(self, before: Json, after: Json) -> None:
        """Drop the places of a primitive list where neither the value nor its twin is left."""
        for name in [one for one in after if not one.startswith("_")]:
            values, was = after[name], before.get(name)
            if values is was or not isinstance(values, list) or not isinstance(was, list):
                continue
            if not any(isinstance(each, str) for each in was):
                continue
            twin = after.get(f"_{name}")
            if not isinstance(twin, list):
                after[name] = [each for each in values if each is not None]
                continue
            gone = [new is None and old is not None for new, old in zip(values, was, strict=True)]
            after[name] = [each for each, lost in zip(values, gone, strict=True) if not lost]
            left = [each for each, lost in zip(twin, gone, strict=False) if not lost]
            if any(each is not None for each in left):
                after[f"_{name}"] = left
            else:
                after.pop(f"_{name}")

    # --------------------------------------------------------------------------------------------------- pointers

    def _is_pointer(self, value: Json) -> str:
        """Which kind of pointer an object is as a whole; empty when it is none."""
        reference = value.get("reference")
        if isinstance(reference, str) and self._points(reference):
            return "reference"
        identifier = value.get("identifier")
        if is_object(identifier) and set(value) <= _REFERENCE:
            by_type = "system" not in identifier and self._names.is_reference_by(
                value.get("type"), identifier.get("value")
            )
            if by_type or self._is_identifier(identifier):
                return "logical-reference"
        if "value" in value and self._is_identifier(value):
            return "identifier"
        if is_attachment(value):
            return self._is_withheld_attachment(value)
        return ""

    def _is_identifier(self, value: Mapping[str, object]) -> bool:
        system, token = value.get("system"), value.get("value")
        if not isinstance(token, str):
            return False
        return self._names.identifier_is_known(system if isinstance(system, str) else None, token)

    def _is_withheld_attachment(self, value: Json) -> str:
        url, digest = value.get("url"), value.get("hash")
        if isinstance(url, str) and self._points(url):
            return "attachment"
        if isinstance(digest, str) and self._names.copies.is_hash(digest):
            return "copy"
        text = value.get("data")
        if not isinstance(text, str):
            return ""
        picture = _is_picture(value)
        if picture and not self._names.copies.may_be(text):
            return ""
        return self._look_into(text, unpack=not picture)

    def _look_into(self, text: str, *, unpack: bool) -> str:
        """Whether base64 holds withheld bytes. What it says, and whatever cannot be looked into, is for a person."""
        data = decoded(text)
        if data is None:
            self._ask_to_read("not-base64")
            return ""
        if self._names.copies.knows(data):
            return "copy"
        for piece in unwrapped(data) if unpack else ():
            if isinstance(piece, Unseen):
                self._ask_to_read(piece.value)
            elif self._names.copies.holds(piece):
                return "copy-inside"
            elif not self._read_by_person and is_words(piece):
                words = piece.decode("utf-8", errors="replace")
                if self._names.named_in(words) or self._names.titled_in(words):
                    self._ask("free-text-names-withheld")
                elif not piece.startswith(b"%PDF") and may_speak_of(words, self._hints.of_places):
                    self._ask("free-text-may-speak-of-withheld")
        return ""

    def _points(self, text: str) -> bool:
        return text in self._local or self._names.named_in(text)

    def _string(self, value: str, name: str) -> object:
        if name == "div":
            return value
        if name == "data" or name.endswith("ase64Binary"):
            return self._data(value)
        if " " not in value and "\n" not in value and self._points(value):
            self.cuts["pointer"] += 1
            return GONE
        if self._read_by_person:
            return value
        if self._names.named_in(value):
            self._ask("free-text-names-withheld")
        elif self._names.titled_in(value):
            if name == "title" or (name == _HEADING and not any(each.isdigit() for each in value)):
                self.common_titles.add(value)
            else:
                self._ask("free-text-names-withheld")
        elif may_speak_of(value, self._hints):
            self._ask("free-text-may-speak-of-withheld")
        return value

    def _data(self, value: str) -> object:
        """Base64 outside an attachment: Binary.data, Signature.data, valueBase64Binary; or numbers of a device."""
        if _SAMPLES.fullmatch(value):
            return value
        found = self._look_into(value, unpack=not self._is_picture)
        if not found:
            return value
        self.cuts[found] += 1
        return GONE

    def _narrative(self, value: Json) -> object:
        if not narrative_names(value, self._names, self._hints, self._local):
            return value
        return GONE if self._may_drop(value) else value

    def drop_narrative(self, owner: Json) -> bool:
        """Take the summary out of what was changed. One that a person wrote is for a person to judge."""
        text = owner.get("text")
        if not is_object(text) or not self._may_drop(text):
            return False
        owner.pop("text")
        return True

    def _may_drop(self, narrative: Json) -> bool:
        if narrative.get("status") == "additional":
            if self._read_by_person:
                return False
            self._ask("human-narrative")
        self.cuts["narrative"] += 1
        return True

    def _ask_to_read(self, rule: str) -> None:
        if not self._read_by_person:
            self._ask(rule)

    def _ask(self, rule: str) -> None:
        if self._review is None:
            self._review = rule


def _is_picture(value: Mapping[str, object]) -> bool:
    return str(value.get("contentType", "")).strip().lower().startswith(("image/", "video/", "audio/"))


def _loses_an_element(before: object, after: object) -> bool:
    """Whether one of the extensions that were cut stands for an element of another version of FHIR."""
    kept = after if isinstance(after, list) else []
    gone = [each for each in before if each not in kept] if isinstance(before, list) else []
    return any(is_object(each) and _OF_ANOTHER_VERSION.match(str(each.get("url"))) for each in gone)


def is_instance_of_scenario(value: Json) -> bool:
    """ExampleScenario.instance has an element of that name (R4, R4B), and is no resource."""
    return "resourceId" in value and set(value) <= _SCENARIO


def is_narrative(value: object) -> bool:
    """Whether this is a Narrative, at the top of a resource or in a section."""
    return is_object(value) and "div" in value and set(value) <= {"id", "extension", "status", "_status", "div", "_div"}


def narrative_names(value: Json, names: Names, hints: Hints, local: frozenset[str]) -> bool:
    """Whether a narrative names, shows or may speak of something withheld."""
    text = str(value.get("div", ""))
    if names.named_in(text) or names.titled_in(text) or may_speak_of(text, hints):
        return True
    return any(f'"{id_}"' in text or f"'{id_}'" in text for id_ in local)


def _says_something(value: Json) -> bool:
    return any(name not in ("id", "extension", "type") for name in value) or "extension" in value


def _without_code(value: Json) -> object:
    """A code means nothing without its system: a Coding goes as a whole, a Quantity keeps what it says in words."""
    if "code" not in value:
        return value
    return {name: inner for name, inner in value.items() if name != "code"} if "value" in value else GONE


def _is_typed_reference(value: Json) -> bool:
    return "reference" in value or is_attachment(value)
