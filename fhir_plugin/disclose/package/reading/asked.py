"""Questions with their answers as people saw them: a question's words are the label, an answer's words what it says.

How we record what was decided about a photograph holds the form's own words for machines (`face_to_face`, `taken-now`,
a SNOMED CT number): their words stand in the policy's catalogue of questions, for whatever was filed before as well. An
answer that is not known there stays as it is. The codes themselves are among the technical details: none is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fhir_plugin.disclose.package.reading.fact import Fact
from fhir_plugin.disclose.package.reading.kinds import label_of
from fhir_plugin.disclose.package.reading.plain import Json, Naming, by_number
from fhir_plugin.policy.offered import ELSEWHERE
from fhir_plugin.policy.questions import Kind, catalogue
from mappings.terminology import systems
from mappings.terminology.body_sites import site_with_code

OTHERWISE_NAMED: Final = {"site": "site_known", "decision": "wish"}
"""Fields of the form that are called otherwise than their questions."""
NO_QUESTIONS: Final = {
    "taken_on": "When was it taken?",
    "taken_unknown": "It is not known when it was taken",
    "show_online": "Show it in the patient’s online record?",
    "laterality": "Which side?",
}
"""What only the form asks, and no policy."""
_YES_NO: Final = {"yes": "Yes", "no": "No"}
_NO_QUESTIONS_SAID: Final = {"left": "Left", "right": "Right", "both": "Both", **_YES_NO}
FLAGS: Final = {
    "carer": "Somebody who cares for the patient took it",
    "deceased": "The patient has died",
    "intimate": "It is intimate, or private to the patient",
    "no-capacity": "The patient could not decide this themselves",
    "screen": "It is a copy of a screen",
    "under-18": "It was taken before the patient was 18, or that cannot be ruled out",
    "unsolicited": "Nobody had asked for it",
    "video": "It is a video, or a picture of one",
}
JUDGED: Final = {
    "capacity": "Whether the patient has capacity for this decision",
    "gillick": "Whether the child is Gillick competent for this decision",
    "best-interests": "What is in their best interests",
}
OVERRIDDEN: Final = {
    "child-or-parent": "A child who did not want it, or a parent who was not asked",
    "sexual-health": "That sexual health of somebody under 16 or vulnerable is not assessed from afar",
}
_TABLES: Final = {"flag": FLAGS, "assessment.about": JUDGED, "override.of": OVERRIDDEN}


def as_seen(resource: Json, naming: Naming) -> tuple[Json, list[Fact]]:
    """Our own record of a decision in the words of its questions and answers, and the codes that they stand for.

    Any other resource, and any part that is not as we write it, stays as it is.
    """
    form, items = resource.get("questionnaire"), resource.get("item")
    ours = isinstance(form, str) and form.split("|")[0] == systems.DECISION_QUESTIONNAIRE
    if resource.get("resourceType") != "QuestionnaireResponse" or not ours or not isinstance(items, list):
        return resource, []
    wording = _Wording(naming, list(dict.fromkeys(_images(items))))
    seen = [each for item in items for each in wording.items(item)]
    return {**resource, "item": seen}, wording.codes


def as_asked(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The facts of a QuestionnaireResponse with each question as the label of its answer, wherever that says it all."""
    return tuple(_folded(each) for each in facts)


def question_words(name: str) -> str:
    """What the form asked in this field; the name itself where that is not known."""
    known = catalogue().get(OTHERWISE_NAMED.get(name, name))
    if known is None:
        return NO_QUESTIONS.get(name, name)
    # on the form these stood under a heading of their own
    return f"Consent: {known.text[:1].lower()}{known.text[1:]}" if name.startswith("consent_") else known.text


def answer_words(name: str, said: str) -> str:
    """What the form called this answer; what was said itself where it was free text, or is not known."""
    known = catalogue().get(OTHERWISE_NAMED.get(name, name))
    if known is None:
        return _NO_QUESTIONS_SAID.get(said, said) if name in NO_QUESTIONS else said
    match known.kind:
        case Kind.SITE:
            site = site_with_code(said.strip())
            return site.display if site is not None else said
        case Kind.YES_NO | Kind.TICK:
            return _YES_NO.get(said, said)
        case Kind.OFFERED:
            return "Another one" if said == ELSEWHERE else said
        case _:
            return known.choices.get(said, said)


class _Wording:
    """`codes`: what the words stand for, in the order in which it was met."""

    def __init__(self, naming: Naming, images: list[str]) -> None:
        self._naming = naming
        self._pictures = images
        self.codes: list[Fact] = []

    def items(self, item: object) -> Iterator[object]:
        """What stands in the place of one item: as a rule one, none for the number of the only picture."""
        said = _strings(item)
        if not isinstance(item, dict) or said is None:
            yield item
            return
        match item["linkId"]:
            case "answer" if {"answer.question", "answer.value"} <= said.keys() <= _OF_ANSWER:
                yield self._answer(item, said)
            case "warning" | "image.ground" as whose if {f"{whose}.text"} <= said.keys() <= _of_ground(whose):
                self._keep(
                    whose, *(said[f"{whose}.{part}"] for part in ("code", "source") if f"{whose}.{part}" in said)
                )
                yield _item(whose, item.get("text"), said[f"{whose}.text"])
            case "image.id" | "answer.image" as whose if "answer" in item and whose in said:
                yield from self._picture(item, said[whose])
            case "image.verdict" if "answer" in item:
                yield self._coded(item, catalogue()["wish"].choices)
            case link if "answer" in item and link in _TABLES:
                yield self._coded(item, _TABLES[link])
            case _ if isinstance(item.get("item"), list):
                yield {**item, "item": [each for inner in item["item"] for each in self.items(inner)]}
            case _:
                yield item

    def _answer(self, item: Json, said: Mapping[str, str]) -> Json:
        name, value = said["answer.question"], said["answer.value"]
        words = answer_words(name, value)
        self._keep("answer", name, *([value] if words != value else []))
        seen = _item("answer", question_words(name), words)
        picture = list(self._picture({"text": "Of"}, said["answer.image"])) if "answer.image" in said else []
        return {**seen, "item": picture} if picture else seen

    def _picture(self, item: Json, number: str) -> Iterator[Json]:
        """Which one it is: what it is called here where it is here, and its place where there are several."""
        self._keep("image.id", number)
        name = self._naming(by_number({"system": systems.IMAGE, "value": number}))
        place = ""
        if len(self._pictures) > 1 and number in self._pictures:
            place = f"picture {self._pictures.index(number) + 1} of {len(self._pictures)}"
        if name or place:
            yield _item("image.id", item.get("text"), f"{name} ({place})" if name and place else name or place)

    def _coded(self, item: Json, words: Mapping[str, str]) -> Json:
        said = item["answer"]
        answers = [each["valueString"] for each in said] if isinstance(said, list) else []
        self._keep(str(item["linkId"]), *(each for each in answers if each in words))
        return {**item, "answer": [{"valueString": words.get(each, each)} for each in answers]}

    def _keep(self, where: str, *codes: str) -> None:
        if codes and (fact := Fact(label_of(where.replace(".", "-")), ", ".join(codes))) not in self.codes:
            self.codes.append(fact)


_OF_ANSWER: Final = {"answer.question", "answer.value", "answer.image"}


def _of_ground(whose: str) -> set[str]:
    return {f"{whose}.{part}" for part in ("code", "text", "source")}


def _item(link: str, question: object, words: str) -> Json:
    return {"linkId": link, "text": question, "answer": [{"valueString": words}]}


def _strings(item: object) -> dict[str, str] | None:
    """The plain texts of an item, or of the items in it, by their linkIds; None where it is not as we write them."""
    if not isinstance(item, dict) or not isinstance(item.get("linkId"), str):
        return None
    if item.keys() == {"linkId", "text", "answer"}:
        said = item["answer"]
        plain = isinstance(said, list) and said and all(isinstance(each, dict) for each in said)
        plain = plain and (len(said) == 1 or item["linkId"] not in _ONE_PICTURE)
        if plain and all(each.keys() == {"valueString"} and isinstance(each["valueString"], str) for each in said):
            return {item["linkId"]: said[0]["valueString"]}
        return {} if item["linkId"] not in _PLAIN else None
    if item.keys() != {"linkId", "text", "item"} or not isinstance(item["item"], list):
        return None
    found: dict[str, str] = {}
    for each in item["item"]:
        link = each.get("linkId") if isinstance(each, dict) else None
        inner = _strings(each)
        single = isinstance(each, dict) and isinstance(each.get("answer"), list) and len(each["answer"]) == 1
        if item["linkId"] in _WHOLE and (not inner or not single or link in found):
            return None
        found |= inner or {}
    return found


_WHOLE: Final = frozenset({"answer", "warning", "image.ground"})
"""Groups that become one question with its answer: nothing else may stand in them."""
_ONE_PICTURE: Final = frozenset({"image.id", "answer.image"})
_PLAIN: Final = frozenset({"image.verdict", *_ONE_PICTURE, *_TABLES})


def _images(items: list[object]) -> Iterator[str]:
    for item in items:
        said = _strings(item) or {}
        yield from (said[each] for each in ("image.id", "answer.image") if each in said)


def _folded(fact: Fact) -> Fact:
    if fact.label != label_of("item") or isinstance(fact.value, str):
        return fact
    asked = [each.value for each in fact.value if each.label == label_of("text")]
    rest = [_folded(each) for each in fact.value if each.label != label_of("text")]
    if len(asked) != 1 or not isinstance(asked[0], str) or not rest:
        return Fact(fact.label, tuple(_folded(each) for each in fact.value))
    label = " ".join(asked[0].split())
    plain = [_plain(each) for each in rest]
    if all(each is not None for each in plain):
        return Fact(label, "\n".join(each for each in plain if each is not None))
    told = (Fact(each.label, said) if said is not None else each for each, said in zip(rest, plain, strict=True))
    return Fact(label, tuple(told))


def _plain(fact: Fact) -> str | None:
    """What an answer says that is nothing but one value."""
    if fact.label != label_of("answer") or isinstance(fact.value, str) or len(fact.value) != 1:
        return None
    (value,) = fact.value
    return value.value if value.label == label_of("value") and isinstance(value.value, str) else None
