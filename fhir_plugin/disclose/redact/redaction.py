"""The redactor: judge every resource, find what follows from that, then write what may go out.

Three kinds of pass over the same parts, in the same order: `survey` judges and learns what the withheld go by;
`settle`, until it finds nothing new, takes out pointers and finds what else has to stay out; `write` gives what goes
out. No part of the record has to be in memory with another.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fhir_plugin.disclose.redact.about import only_about_withheld, says_more
from fhir_plugin.disclose.redact.bundle import FirstIsMissing, redact_bundle
from fhir_plugin.disclose.redact.contained import keep_contained
from fhir_plugin.disclose.redact.cut import GONE, Cutter, mask
from fhir_plugin.disclose.redact.free_text import speaks_of_pictures
from fhir_plugin.disclose.redact.hints import HintsByPatient
from fhir_plugin.disclose.redact.names import Names
from fhir_plugin.disclose.redact.places import Place, places
from fhir_plugin.disclose.redact.report import Finding, reason, review_by, withheld_by
from fhir_plugin.disclose.redact.shapes import shapes
from fhir_plugin.disclose.redact.signatures import signs_any_of, without_signatures
from fhir_plugin.disclose.redact.strict import Json, is_object
from fhir_plugin.disclose.redact.stub import level_of, stub, stub_number, tagged, taken_number
from fhir_plugin.disclose.redact.unread import HasToBeRead, Unread
from fhir_plugin.disclose.redact.watch import Watch
from mappings.model.disclosure import Judge, Mode, Redact, Release, Review, Verdict

_NEVER: Final = ("AuditEvent",)
_REMEMBERED: Final = 20_000
"""Verdicts of places that are told again in the report without asking again."""

_STUB: Final = Release(reason("stub"))


class Redaction:
    """One disclosure's redaction. Pure: what it says depends on the parts and the judge alone."""

    def __init__(self, judge: Judge, mode: Mode, *, cleared: Collection[str] = ()) -> None:
        """`cleared`: `Type/id` of resources whose free text a person has read, and which may go out with it."""
        self._judge = judge
        self._mode = mode
        self._cleared = frozenset(cleared)
        self._names = Names()
        self._hints = HintsByPatient()
        self._decided: dict[str, Verdict] = {}
        self._changed: set[str] = set()
        self._touched: set[str] = set()
        self._released_for: dict[str, Release] = {}
        self._part = ""
        self._places: dict[int, Place] = {}
        self._next = 1
        self._written = 0
        self.findings: list[Finding] = []
        self.kept_back: list[Place] = []
        self.signed = True
        """Whether the record may hold a signature, which is to go when what it signs is changed."""
        self.common: set[str] = set()
        """Ids and titles of what goes out that are also those of something withheld, and so tell of nothing."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is withheld: every part goes out as it came."""
        return not self._decided

    @property
    def learnt(self) -> int:
        """Grows while there is something new to settle."""
        changed = len(self._changed) if self.signed else 0
        return self._names.size + self._hints.size + len(self._decided) + changed

    # ------------------------------------------------------------------------------------------------- the passes

    def survey(self, resource: Json, path: str) -> int:
        """First pass: judge this resource and all inside it; how many that are. `path` names the part."""
        self._part = path
        found = list(places(resource, path))
        verdicts = {place.path: self._verdict(place) for place in found}
        self._unexplained_labels(found, verdicts)
        for place in found:
            if isinstance(place.resource, Unread):
                continue
            self._next = max(self._next, taken_number(place.resource) + 1)
            verdict = verdicts[place.path]
            if not isinstance(verdict, Release):
                self._keep_out(place, verdict)
            elif len(self._released_for) < _REMEMBERED:
                self._released_for[place.path] = verdict
        return len(found)

    def needs_no_survey(self, resource: Json) -> int | None:
        """How many resources there are in this part, if all of them are released and a survey would learn nothing."""
        found = list(places(resource, ""))
        for place in found:
            if taken_number(place.resource) or not isinstance(self._verdict(place), Release):
                return None
        return len(found)

    def watch(self, sample: bytes = b"") -> Watch:
        """What to look for in lines that may need to change, as far as is known now. `sample`: some of the record."""
        changed, silent = (len(self._changed) if self.signed else 0), self._mode is Mode.SILENT
        return Watch(self._names, self._hints, self._touched, silent=silent, changed=changed, sample=sample)

    def stays_out(self, path: str) -> bool:
        """Whether it is known of the whole of this part that it does not go out."""
        return path in self._decided

    def settle(self, resource: Json, path: str, line: bytes = b"") -> bool:
        """Later passes: whether anything new has to stay out or to change. Go on until no part says so.

        `line`: the bytes that the resource was read from, by which most are seen to need no walk.
        """
        before = self.learnt
        if not self._is_untouched(resource, path, line):
            self.write(resource, path, line)
        return self.learnt != before

    def write(self, resource: Json, path: str, line: bytes = b"") -> Json | None:
        """What goes out of this part: the same object when nothing had to change, None when nothing goes out.

        Adds to `findings` and `kept_back`; `start_writing` first.
        """
        found = list(places(resource, path))
        self._part = path
        if self._is_untouched(resource, path, line):
            for each in reversed(found):
                self._report(each, None, None)
            return resource
        self._places = {id(each.resource): each for each in found}
        new = self._inside(found[0], stubs=True)
        return new if is_object(new) else None

    def as_it_came(self, resource: Json, path: str) -> list[Finding]:
        """What the report says of a part that goes out unchanged."""
        before, self.findings = self.findings, []
        for each in reversed(list(places(resource, path))):
            self._report(each, None, None)
        found, self.findings = self.findings, before
        return found

    def start_writing(self) -> None:
        """Forget findings and what was kept back, and count stubs from the beginning."""
        self.findings = []
        self.kept_back = []
        self._written = 0

    def _is_untouched(self, resource: Json, path: str, line: bytes) -> bool:
        """Whether a part surely goes out as it came, without a walk. A Bundle has more than names that can tell."""
        if self.is_clean:
            return True
        if not line or path in self._touched or resource["resourceType"] in ("Bundle", "Parameters"):
            return False
        if self._names.may_be_in(line) or (self._changed and b'"signature"' in line):
            return False
        return not (self._hints.size and speaks_of_pictures(line))

    # --------------------------------------------------------------------------------------------------- verdicts

    def _verdict(self, place: Place) -> Verdict:
        resource = place.resource
        if isinstance(resource, Unread):
            return resource.release
        type_ = str(resource["resourceType"])
        if type_ not in shapes().resources:
            return review_by("unknown-resource-type")
        if type_ in _NEVER:
            return withheld_by("audit-not-disclosed")
        if stub_number(resource) is not None:
            return _STUB
        shell = {name: value for name, value in resource.items() if name not in ("entry", "parameter")}
        return self._judge(shell if type_ in ("Bundle", "Parameters") else resource)

    def _unexplained_labels(self, found: list[Place], verdicts: dict[str, Verdict]) -> None:
        """A Bundle's label repeats the highest inside. Where nothing inside explains it, it is meant for the whole."""
        for place in found:
            if place.resource["resourceType"] != "Bundle" or isinstance(verdicts[place.path], Release):
                continue
            inside = [each for each in found if each.path.startswith((f"{place.path}/", f"{place.path}#"))]
            highest = max((level_of(each.resource) for each in inside), default=-1)
            kept_out = any(not isinstance(verdicts[each.path], Release) for each in inside)
            if kept_out or (0 <= level_of(place.resource) <= highest):
                verdicts[place.path] = Release(verdicts[place.path].reason)

    def _keep_out(self, place: Place, verdict: Verdict) -> None:
        if place.path in self._decided:
            return
        inside = list(places(place.resource, place.path, place.full_url, contained=place.contained))
        if any(isinstance(each.resource, Unread) for each in inside):
            raise HasToBeRead
        self._decided[place.path] = verdict
        self._touched.add(self._part)
        for each in inside:
            if stub_number(each.resource) is None:
                self._names.learn(each.resource, each.full_url, contained=each.contained)
                self._hints.learn(each.resource)

    # ------------------------------------------------------------------------------------------------- resources

    def _inside(self, place: Place, *, stubs: bool) -> object:
        if isinstance(place.resource, Unread):
            return self._left_unread(place, place.resource)
        verdict = self._decided.get(place.path)
        reported, written = len(self.findings), self._written
        cutter = None
        new: Json = place.resource
        if verdict is None and self._goes_by_a_withheld_name(place):
            verdict = withheld_by("same-as-withheld")
            self._keep_out(place, verdict)
        if verdict is None and not self.is_clean and stub_number(place.resource) is None:
            cutter = self._cutter(place)
            new, verdict = self._released(place, cutter)
            if verdict is not None:
                self._keep_out(place, verdict)
        if verdict is None:
            self._report(place, None, cutter)
            self._note_common(place, cutter)
            return new
        del self.findings[reported:]
        self._written = written
        for each in reversed(list(places(place.resource, place.path, place.full_url, contained=place.contained))):
            self._report(each, self._decided.get(each.path, verdict), None)
            if stub_number(each.resource) is None:
                self.kept_back.append(each)
        if isinstance(verdict, Redact) and self._mode is Mode.MARKED and stubs:
            left = stub(str(place.resource["resourceType"]), self._next + self._written)
            if left is not None:
                self._written += 1
                return left
        return GONE

    def _left_unread(self, place: Place, resource: Unread) -> Unread:
        """It holds no name of anything withheld, unless that was learnt since it was last looked for."""
        if self._goes_by_a_withheld_name(place):
            raise HasToBeRead
        id_ = resource.get("id")
        self.findings.append(
            Finding(
                str(resource["resourceType"]),
                str(resource.get("id", place.full_url) or ""),
                resource.release,
                place.path,
            )
        )
        if id_ in self._names.words:
            self.common.add(str(id_))
        return resource

    def _report(self, place: Place, verdict: Verdict | None, cutter: Cutter | None) -> None:
        id_ = place.resource.get("id", place.full_url)
        cuts = tuple(sorted(cutter.cuts.items())) if cutter is not None and verdict is None else ()
        shown = verdict if verdict is not None else self._released_verdict(place)
        self.findings.append(
            Finding(str(place.resource["resourceType"]), str(id_ or ""), shown, within=place.path, cuts=cuts)
        )

    def _note_common(self, place: Place, cutter: Cutter | None) -> None:
        id_ = place.resource.get("id")
        if isinstance(id_, str) and id_ in self._names.words:
            self.common.add(id_)
        if cutter is not None:
            self.common |= cutter.common_titles

    def _released_verdict(self, place: Place) -> Verdict:
        found = self._released_for.get(place.path) or self._verdict(place)
        return found if isinstance(found, Release) else Release(found.reason)

    def _goes_by_a_withheld_name(self, place: Place) -> bool:
        key = f"{place.resource['resourceType']}/{place.resource.get('id')}"
        named = not place.contained and key in self._names.keys
        named = named or (place.full_url is not None and place.full_url in self._names.urls)
        return named and stub_number(place.resource) is None

    def _cutter(self, place: Place) -> Cutter:
        resource = place.resource
        local = {
            str(each.get("id"))
            for path, each in zip(_inner_paths(place), _list(resource.get("contained")), strict=True)
            if is_object(each) and path in self._decided
        }
        return Cutter(
            self._names,
            self._hints.about(resource),
            local=frozenset(local),
            inner=lambda inner: self._at(inner),
            silent=self._mode is Mode.SILENT,
            read_by_person=self._is_cleared(resource),
        )

    def _is_cleared(self, resource: Json) -> bool:
        return f"{resource['resourceType']}/{resource.get('id')}" in self._cleared

    def _at(self, resource: Json) -> object:
        """A resource that the cutter came upon. One where FHIR has no place for it does not go out."""
        place = self._places.get(id(resource))
        return GONE if place is None else self._inside(place, stubs=True)

    def _released(self, place: Place, cutter: Cutter) -> tuple[Json, Verdict | None]:
        """A resource that policy lets out, without its pointers; or why it cannot go out after all."""
        resource = place.resource
        if resource["resourceType"] == "Bundle":
            try:
                new = redact_bundle(resource, self._in_entry, cutter, marked=self._mode is Mode.MARKED)
            except FirstIsMissing:
                return resource, withheld_by("bundle-without-first")
            return new, _asking(cutter)
        new = cutter.cut(resource)
        if only_about_withheld(resource, new, cutter.gone_at_root):
            if not says_more(resource):
                return resource, withheld_by("about-withheld-only")
            if not self._is_cleared(resource):
                return resource, review_by("finding-about-withheld")
        stuck = {name for name in cutter.gone_at_root if self._needs_inside(resource, name)}
        if stuck and self._mode is Mode.MARKED:
            new = cutter.cut(resource, masked=stuck)
        if any(isinstance(self._decided.get(each), Review) for each in _inner_paths(place)):
            return resource, review_by("contained-needs-review")
        kept = keep_contained(resource, new, self._at, cutter)
        if cutter.person_needed():
            return resource, _asking(cutter)
        if signs_any_of(self._changed, kept):
            kept = {name: value for name, value in kept.items() if name != "signature"}
            cutter.cuts["signature"] += 1
        if kept is resource:
            return self._without_telling_narrative(resource, cutter, place)
        kept = without_signatures(kept)
        if "text" in kept:
            if kept is resource or kept is new:
                kept = dict(kept)
            cutter.drop_narrative(kept)
        whole = self._complete(resource, kept, cutter)
        if whole is None:
            return resource, withheld_by("cannot-stand-alone")
        if cutter.person_needed():
            return resource, _asking(cutter)
        self._note_change(place)
        return (tagged(whole) if self._mode is Mode.MARKED and not place.contained else whole), None

    def _without_telling_narrative(self, resource: Json, cutter: Cutter, place: Place) -> tuple[Json, Verdict | None]:
        if cutter.keeps_narrative(resource):
            return resource, None
        kept = dict(resource)
        dropped = cutter.drop_narrative(kept)
        if cutter.person_needed():
            return resource, _asking(cutter)
        if not dropped:
            return resource, None
        self._note_change(place)
        return (tagged(kept) if self._mode is Mode.MARKED and not place.contained else kept), None

    def _in_entry(self, resource: Json, stubs: bool) -> object:
        place = self._places.get(id(resource))
        return GONE if place is None else self._inside(place, stubs=stubs)

    @staticmethod
    def _needs_inside(resource: Json, name: str) -> bool:
        """Whether this element must be there and cannot stand for itself, so that it cannot be masked as a whole."""
        type_ = str(resource["resourceType"])
        return shapes().must_have(type_, name) and shapes().inside(type_, name) in shapes().required

    def _complete(self, before: Json, after: Json, cutter: Cutter) -> Json | None:
        """What the resource cannot be without is masked; None where it cannot be, or where nothing may tell."""
        type_ = str(before["resourceType"])
        whole = after
        for name in sorted(cutter.gone_at_root):
            if not shapes().must_have(type_, name):
                continue
            if self._mode is Mode.SILENT or self._needs_inside(before, name):
                return None
            value = before[name]
            many = isinstance(value, list)
            if isinstance(value, str) or any(isinstance(each, str) for each in _list(value)):
                whole = {**whole, f"_{name}": [mask()] if many else mask()}
            else:
                whole = {**whole, name: [mask()] if many else mask()}
        return whole

    # ------------------------------------------------------------------------------------------------- signatures

    def _note_change(self, place: Place) -> None:
        if not place.contained and "id" in place.resource:
            self._changed.add(f"{place.resource['resourceType']}/{place.resource['id']}")
        if place.full_url is not None:
            self._changed.add(place.full_url)


def _asking(cutter: Cutter) -> Verdict | None:
    rule = cutter.person_needed()
    return review_by(rule) if rule else None


def _inner_paths(place: Place) -> list[str]:
    """The paths of a resource's contained resources."""
    return [f"{place.path}#{number}" for number in range(len(_list(place.resource.get("contained"))))]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
