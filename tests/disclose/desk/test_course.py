"""Any order of acts, by anybody, on pages fresh and stale: what holds of a request holds always."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.errors import NotFound, Refused
from mappings.model.disclosure import Opinion, Release
from mappings.model.disclosure_request import Decided, DisclosureId, DisclosureRequest, ItemKey, RequestState
from mappings.model.identifiers import PatientId
from mappings.model.people import ClinicalSession
from mappings.model.work import WorkKind
from tests.disclose.desk.bench import (
    AMY,
    COLLEAGUE,
    DOCTOR,
    GUARDIAN,
    HERE,
    INSURER,
    OFFICER,
    PRIVACY,
    SAID,
    TRIAGE,
    DeskBench,
    session,
)
from tests.fakes.whole_record import INTIMATE, ORDINARY

PEOPLE = st.sampled_from([OFFICER, COLLEAGUE, PRIVACY, GUARDIAN, DOCTOR, TRIAGE, session(patient=PatientId("sam"))])
KEYS = st.sampled_from(
    [ItemKey(each) for each in (f"Media/{ORDINARY}", f"Media/{INTIMATE}", "Communication/letter-1", "Media/none")]
)
BEHIND = st.sampled_from([0, 0, 0, 1])


class Course(RuleBasedStateMachine):
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.bench = DeskBench(sends=False)

    def act(self, id: DisclosureId, act: Callable[[DisclosureRequest], object], behind: int = 0) -> None:
        """What is refused changes nothing; what is done is one revision more."""
        before = self.bench.requests.get(id)
        try:
            act(before)
        except (Refused, NotFound):
            assert self.bench.requests.get(id) == before
        else:
            after = self.bench.requests.get(id)
            assert after.revision == before.revision + 1 and not behind
            assert before.state in (RequestState.OPEN, RequestState.WAITS_FOR_SECOND)

    @rule(target=requests, said=st.sampled_from([SAID, INSURER, INSURER | {"consent": "named"}]))
    def opens(self, said: dict[str, str]) -> DisclosureId:
        return self.bench.gathered(said).id

    @rule(id=requests, who=PEOPLE, purpose=st.sampled_from(["a", "b"]), behind=BEHIND)
    def changes(self, id: DisclosureId, who: ClinicalSession, purpose: str, behind: int) -> None:
        self.act(
            id,
            lambda now: self.bench.desk.change(who, id, Facts({"purpose": purpose}), revision=now.revision - behind),
            behind,
        )

    @rule(id=requests, who=PEOPLE, key=KEYS, decided=st.sampled_from([*Decided, None]), behind=BEHIND)
    def decides(
        self, id: DisclosureId, who: ClinicalSession, key: ItemKey, decided: Decided | None, behind: int
    ) -> None:
        self.act(
            id,
            lambda now: self.bench.desk.decide(who, id, [key], decided, "Why.", revision=now.revision - behind),
            behind,
        )

    @rule(id=requests, who=PEOPLE, key=KEYS)
    def asks(self, id: DisclosureId, who: ClinicalSession, key: ItemKey) -> None:
        self.act(id, lambda now: self.bench.desk.ask_opinion(who, id, key, "Harm?", revision=now.revision))

    @rule(id=requests, who=PEOPLE, key=KEYS, opinion=st.sampled_from(Opinion))
    def opines(self, id: DisclosureId, who: ClinicalSession, key: ItemKey, opinion: Opinion) -> None:
        self.act(id, lambda now: self.bench.desk.opine(who, id, key, opinion, "So.", revision=now.revision))

    @rule(id=requests)
    def reads_again(self, id: DisclosureId) -> None:
        self.act(id, lambda _now: self.bench.desk.gather(OFFICER, id))

    @rule(id=requests)
    def settles(self, id: DisclosureId) -> None:
        if self.bench.requests.get(id).is_open and self.bench.requests.get(id).state is not RequestState.MAKING:
            self.bench.settled(self.bench.requests.get(id))

    @rule(id=requests, who=PEOPLE, own=st.sampled_from([True, True, True, False]), behind=BEHIND)
    def signs(self, id: DisclosureId, who: ClinicalSession, own: bool, behind: int) -> None:
        request = self.bench.requests.get(id)
        seen = self.bench.view(request)
        name = who.user.display if own else "Somebody Else"

        def sign(now: DisclosureRequest) -> None:
            signed = self.bench.desk.sign(who, id, name, about=seen.digest, revision=now.revision - behind)
            assert own and seen.may_sign and who in (OFFICER, COLLEAGUE, PRIVACY, GUARDIAN)
            assert signed.first is not None and signed.first.about == seen.digest
            if signed.state is RequestState.WAITS_FOR_SECOND:
                assert seen.needs_second
            else:
                assert (signed.second is not None) is seen.needs_second

        self.act(id, sign, behind)

    @rule(id=requests, others=st.lists(PEOPLE, min_size=1, max_size=3))
    def is_signed_until_it_is_made(self, id: DisclosureId, others: list[ClinicalSession]) -> None:
        self.settles(id)
        for who in (OFFICER, *others):
            self.signs(id, who, True, 0)

    @rule(id=consumes(requests), who=PEOPLE, closed=st.booleans())
    def ends(self, id: DisclosureId, who: ClinicalSession, closed: bool) -> None:
        self.act(id, lambda now: self.bench.desk.refuse(who, id, "No.", closed=closed, revision=now.revision))

    @invariant()
    def a_hold_for_each_open_request_and_for_no_other(self) -> None:
        every = self.bench.requests.of_patient(HERE, AMY)
        assert {each.id for each in self.bench.holds.of_patient(HERE, AMY)} == {
            each.id for each in every if each.is_open
        }

    @invariant()
    def the_list_says_what_waits(self) -> None:
        items = self.bench.worklist.of_patient(HERE, AMY)
        for each in self.bench.requests.of_patient(HERE, AMY):
            kinds = {item.kind for item in items if item.subject == each.id}
            assert (WorkKind.DISCLOSURE in kinds) is each.is_open
            assert (WorkKind.DISCLOSURE_SECOND in kinds) is (each.state is RequestState.WAITS_FOR_SECOND)

    @invariant()
    def signatures_are_of_two_people_and_only_where_they_count(self) -> None:
        for each in self.bench.requests.of_patient(HERE, AMY):
            signed = each.state in (RequestState.WAITS_FOR_SECOND, RequestState.MAKING)
            assert (each.first is not None) is signed
            if each.second is not None:
                assert each.first is not None and each.first.by != each.second.by
                assert each.first.about == each.second.about

    @invariant()
    def nothing_that_waits_or_that_was_kept_back_goes_out(self) -> None:
        for each in self.bench.requests.of_patient(HERE, AMY):
            if each.state is not RequestState.MAKING:
                continue
            seen = self.bench.view(each, PRIVACY)
            assert not any(item.asks for item in seen.items)
            for item in seen.items:
                held = each.overrides.get(item.key)
                if held is not None and held.decided is not Decided.RELEASE:
                    assert not isinstance(item.decided, Release)


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=12, stateful_step_count=18, deadline=None)
