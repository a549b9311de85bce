"""People, times, edits and crashes around requests for permanent deletion, in any order.

Whatever happens: what has begun was approved by another person who was a Guardian then, of exactly the version that the
record held, with an approval that had not run out, and while nothing held it; and what has not begun is untouched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fhir_plugin.delete.execute import order, resume_for
from fhir_plugin.delete.lifecycle import Event
from fhir_plugin.delete.standing import tidy
from fhir_plugin.errors import PluginError
from mappings.model.deletion import CaseId, DeletionCase, DeletionItem, DeletionState, ItemId
from mappings.model.identifiers import Reference
from mappings.model.people import User
from tests.delete.deciding_bench import (
    BOTH,
    COLLEAGUE,
    COSIGNED,
    DEPUTY,
    GP,
    GUARDIAN,
    OFFICER,
    SAM,
    DecidingBench,
)
from tests.delete.destroying_bench import AMY, IMAGE, OTHER

PEOPLE = [GP, COLLEAGUE, GUARDIAN, DEPUTY, BOTH, OFFICER]
GUARDIANS = [GUARDIAN, DEPUTY, BOTH]
IMAGES = [IMAGE, OTHER]
DISTURBANCES = ["hold", "later", "back", "edit", "role", "look", "lifted", "4", "12", "24"]
BEGUN = frozenset({DeletionState.IN_PROGRESS, DeletionState.FAILED, DeletionState.COMPLETED})


class DiedError(BaseException):
    """The process is gone: nobody catches this."""


@dataclass(frozen=True)
class Approval:
    """What somebody pressed, and what they had seen: written down by the machine, not by what it tries."""

    by: Reference
    version: str
    cosigned: bool


class Deletions(RuleBasedStateMachine):
    two_sign = False

    def __init__(self) -> None:
        super().__init__()
        self.bench = DecidingBench(COSIGNED) if self.two_sign else DecidingBench()
        self.bench.bench.guardians = {each.reference for each in GUARDIANS}
        self.approvals: dict[ItemId, list[Approval]] = {}
        self.pages: dict[CaseId, DeletionCase] = {}
        self.begun: set[ItemId] = set()
        self.ended: dict[ItemId, DeletionState] = {}
        self.holds = 0
        self.dies_in: int | None = None
        self.acting = False
        self.versions: dict[Reference, str] = {}
        self._crashing(self.bench.bench.work)

    # -------------------------------------------------------------------------------------------------- people

    @initialize()
    def something_is_asked_for(self) -> None:
        self.ask(GP, 0)

    @rule(user=st.sampled_from(PEOPLE), image=st.integers(0, 1))
    def ask(self, user: User, image: int) -> None:
        with self._acting():
            case = self.bench.ask(user, images=[IMAGES[image]])
            self.pages[case.id] = case

    @rule()
    def look_at_pages_again(self) -> None:
        self.pages = {each.id: each for each in self._cases()}

    @precondition(lambda self: self.pages)
    @rule(user=st.sampled_from(PEOPLE), pick=st.integers(0, 3), fresh=st.booleans())
    def approve(self, user: User, pick: int, fresh: bool) -> None:
        page = self._page(pick, fresh)
        self._pressed(page, user, cosigned=False)
        with self._acting():
            self.bench.approve(page, user)

    @precondition(lambda self: self.pages)
    @rule(user=st.sampled_from([COLLEAGUE, GP, GUARDIAN]), pick=st.integers(0, 3), fresh=st.booleans())
    def cosign(self, user: User, pick: int, fresh: bool) -> None:
        page = self._page(pick, fresh)
        self._pressed(page, user, cosigned=True)
        with self._acting():
            self.bench.decisions.cosign(
                self.bench.at(user, AMY), page.id, page.items[0].id, "Yes.", revision=page.revision
            )

    @precondition(lambda self: self.pages)
    @rule(
        act=st.sampled_from(["reject", "ask_more", "take_back", "opened"]),
        user=st.sampled_from(PEOPLE),
        pick=st.integers(0, 3),
        fresh=st.booleans(),
    )
    def decide_otherwise(self, act: str, user: User, pick: int, fresh: bool) -> None:
        page, decisions, session = self._page(pick, fresh), self.bench.decisions, self.bench.at(user, SAM)
        with self._acting():
            if act == "opened":
                decisions.opened(session, page.id)
            else:
                getattr(decisions, act)(session, page.id, page.items[0].id, "Because.", revision=page.revision)

    @precondition(lambda self: self.pages)
    @rule(
        act=st.sampled_from(["answer", "answer", "cancel", "in_error"]),
        user=st.sampled_from(PEOPLE),
        pick=st.integers(0, 3),
    )
    def whoever_asked_acts(self, act: str, user: User, pick: int) -> None:
        page = self._page(pick, fresh=True)
        with self._acting():
            getattr(self.bench.requests, act)(
                self.bench.at(user), page.id, page.items[0].id, "Because.", revision=page.revision
            )

    @rule(who=st.sampled_from(GUARDIANS))
    def a_role_is_lost_or_given(self, who: User) -> None:
        self.bench.bench.guardians ^= {who.reference}

    # ------------------------------------------------------------------------------------------- times and edits

    @rule(hours=st.sampled_from([1, 24, 24 * 13, 24 * 15]))
    def time_passes(self, hours: int) -> None:
        self.bench.bench.clock.advance(hours=hours)

    @rule(seconds=st.sampled_from([10, 3600]))
    def the_clock_runs_back(self, seconds: int) -> None:
        self.bench.bench.clock.advance(seconds=-seconds)

    @rule()
    def a_hold_arrives(self) -> None:
        self.holds += 1
        self.bench.hold(f"hold-{self.holds}")

    @rule()
    def holds_are_lifted(self) -> None:
        for hold in self._in_force():
            self.bench.parts.holds.save(replace(hold, lifted=self.bench.parts.clock.now()))

    @rule(image=st.integers(0, 1))
    def the_image_is_edited(self, image: int) -> None:
        record, reference = self.bench.bench.record, IMAGES[image]
        with contextlib.suppress(PluginError):
            found = record.read(*reference.split("/"))
            if found.get("status") != "entered-in-error":
                record.put({**found, "deviceName": f"edited {self.bench.parts.clock.now().isoformat()}"})

    # ------------------------------------------------------------------------------------------------- the app

    @rule()
    def the_app_looks(self) -> None:
        with self._acting():
            tidy(self.bench.parts)

    @precondition(lambda self: self.pages)
    @rule(pick=st.integers(0, 3))
    def somebody_carries_it_out(self, pick: int) -> None:
        page = self._page(pick, fresh=True)
        with self._acting():
            order(self.bench.parts, self.bench.bench.session, page, page.items[0])

    @precondition(lambda self: self.pages)
    @rule(
        user=st.sampled_from(GUARDIANS),
        image=st.integers(0, 1),
        between=st.lists(st.sampled_from(DISTURBANCES), max_size=2),
        again=st.booleans(),
    )
    def straight_to_the_end(self, user: User, image: int, between: list[str], again: bool) -> None:
        """Asked, approved, carried out, with something in between: by chance alone it would not come so far."""
        self.holds_are_lifted()
        self.the_app_looks()
        self.bench.bench.guardians |= {each.reference for each in GUARDIANS}
        self.ask(GP, image)
        mine = [id for id in sorted(self.pages) if self._image_of(id) == IMAGES[image]]
        if not mine:
            return
        number = sorted(self.pages).index(mine[-1])
        self.approve(user, number, fresh=True)
        self.cosign(COLLEAGUE, number, fresh=True)
        for each in between:
            self._disturb(each)
        self.somebody_carries_it_out(number)
        if again:
            self.the_app_looks()
            self.the_app_goes_on()

    def _disturb(self, name: str) -> None:
        match name:
            case "hold":
                self.a_hold_arrives()
            case "later":
                self.time_passes(24 * 15)
            case "back":
                self.the_clock_runs_back(3600)
            case "edit":
                self.the_image_is_edited(0)
                self.the_image_is_edited(1)
            case "role":
                self.bench.bench.guardians.clear()
            case "look":
                self.the_app_looks()
            case "lifted":
                self.holds_are_lifted()
            case _:
                self.it_will_die(int(name))

    @rule()
    def the_app_goes_on(self) -> None:
        with self._acting():
            self.bench.bench.engine.run_due()
        with self._acting():
            resume_for(self.bench.parts, self.bench.bench.session)

    @rule(commits=st.integers(0, 40))
    def it_will_die(self, commits: int) -> None:
        """At one of the next commits, before or after it is durable."""
        self.dies_in = commits

    # ---------------------------------------------------------------------------------------------- invariants

    @invariant()
    def what_has_begun_was_approved_and_everything_else_is_untouched(self) -> None:
        in_force = bool(self._in_force())
        for case in self._cases():
            for item in case.items:
                if self._has_begun(item) and item.id not in self.begun:
                    self.begun.add(item.id)
                    self._was_approved(case, item, in_force)
                if item.id in self.ended:
                    assert item.state is self.ended[item.id], "what has ended stays ended"
                if not self._has_begun(item):
                    assert item.state not in BEGUN
                    assert item.purged == ()
                if item.state is DeletionState.COMPLETED:
                    assert item.certificate is not None
                    assert item.proof is not None and item.proof.proven
                if item.state in (DeletionState.COMPLETED, DeletionState.REJECTED, DeletionState.CANCELLED):
                    self.ended[item.id] = item.state
        begun = {item.image.reference for case in self._cases() for item in case.items if self._has_begun(item)}
        for image in set(IMAGES) - begun:
            assert self.bench.bench.record.read(*image.split("/"))["status"] == "completed"
        assert {each.item for each in self.bench.bench.log.entries()} <= self.begun

    def _was_approved(self, case: DeletionCase, item: DeletionItem, in_force: bool) -> None:
        pressed = self.approvals.get(item.id, [])
        assert item.approval is not None
        by = item.approval.by
        assert by != case.requested_by
        assert by in self.bench.bench.guardians, "who approved is no Guardian any more"
        assert not in_force, "it was held"
        assert any(each.by == by and each.version == item.image.version for each in pressed), "of another version"
        assert item.image.version == self.versions[item.image.reference], "not what the record held"
        begun = next(each for each in item.timeline if each.event == Event.BEGUN.value)
        assert item.expires is not None and begun.at < item.expires, "the approval had run out"
        if self.two_sign:
            assert item.cosigned is not None
            assert item.cosigned.by not in (by, case.requested_by)
            assert any(each.by == item.cosigned.by and each.cosigned for each in pressed)

    # -------------------------------------------------------------------------------------------------- inside

    def _cases(self) -> list[DeletionCase]:
        session = self.bench.at(GP)
        return self.bench.parts.cases.of_patient(session.fhir_base, session.patient_id)

    def _in_force(self) -> list[Any]:
        session = self.bench.at(GP)
        return self.bench.parts.holds.of_patient(session.fhir_base, session.patient_id)

    def _image_of(self, id: CaseId) -> Reference:
        return self.pages[id].items[0].image.reference

    def _page(self, pick: int, fresh: bool) -> DeletionCase:
        """What somebody has before them: as it is, or as it was when they looked last."""
        pages = [self.pages[each] for each in sorted(self.pages)]
        page = pages[pick % len(pages)]
        return self.bench.now(page) if fresh else page

    def _pressed(self, page: DeletionCase, user: User, *, cosigned: bool) -> None:
        item = page.items[0]
        seen = Approval(user.person, item.image.version, cosigned)
        self.approvals.setdefault(item.id, []).append(seen)

    def _has_begun(self, item: DeletionItem) -> bool:
        return any(each.event == Event.BEGUN.value for each in item.timeline)

    @contextlib.contextmanager
    def _acting(self) -> Iterator[None]:
        """Refusals are answers; after a death the app starts again and what is over is forgotten."""
        self.acting = True
        self._note_versions()
        try:
            yield
        except PluginError:
            pass
        except DiedError:
            self.dies_in = None
            self.bench.bench.background.lost()
            self.bench.bench.clock.advance(hours=1)  # whoever had it leased is gone
            self.bench.bench.engine.run_due()
        finally:
            self.acting = False

    def _note_versions(self) -> None:
        """Of each image that is still whole, which version the record holds."""
        for image in IMAGES:
            with contextlib.suppress(PluginError):
                found = self.bench.bench.record.read(*image.split("/"))
                if found["status"] == "completed":
                    self.versions[image] = found["meta"]["versionId"]

    def _crashing(self, work: Any) -> None:
        real, depth = work.transaction, 0

        def die() -> None:
            if not self.acting or self.dies_in is None:
                return
            self.dies_in -= 1
            if self.dies_in < 0:
                raise DiedError

        @contextlib.contextmanager
        def transaction() -> Iterator[None]:
            nonlocal depth
            depth += 1
            try:
                with real():
                    yield
                    if depth == 1:
                        die()
            finally:
                depth -= 1
            if depth == 0:
                die()

        work.transaction = transaction


class CosignedDeletions(Deletions):
    two_sign = True
