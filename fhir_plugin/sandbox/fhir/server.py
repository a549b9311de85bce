"""One request from beginning to end: its session, its access, its commit; a Bundle's entries each or together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from fhir_plugin.sandbox.fhir.access import Access
from fhir_plugin.sandbox.fhir.bundles import Entry, answer_entry, failed_entry, read_entries, run_transaction
from fhir_plugin.sandbox.fhir.capability_statement import capability_statement
from fhir_plugin.sandbox.fhir.exchange import Call, Reply
from fhir_plugin.sandbox.fhir.outcome import FhirError, Json
from fhir_plugin.sandbox.fhir.personality import Personality
from fhir_plugin.sandbox.fhir.routing import answer, is_write
from fhir_plugin.sandbox.fhir.session import Session
from fhir_plugin.sandbox.fhir.store import FhirStore
from fhir_plugin.sandbox.fhir.unit import Unit


class FhirServer:
    """A store behaving as one personality. Knows nothing of HTTP's wire."""

    def __init__(self, store: FhirStore, personality: Personality) -> None:
        self.store = store
        self.personality = personality

    def metadata(self, base: str, oauth_uris: Mapping[str, str]) -> Reply:
        """The CapabilityStatement: the one thing that needs no access."""
        return Reply(200, capability_statement(self.personality, base, oauth_uris=oauth_uris))

    def respond(self, call: Call, access: Access, *, discard: bool = False) -> Reply:
        """Raises `FhirError`. With `discard` everything is carried out and answered, and nothing kept."""
        if not call.path and call.method == "POST":
            return self._bundle(call, access, discard=discard)
        with self._session(call, discard=discard) as session:
            unit = self._unit(session, access, call)
            reply = answer(unit, call)
            unit.verify()
        return reply

    def _bundle(self, call: Call, access: Access, *, discard: bool) -> Reply:
        bundle = call.body
        kind = bundle.get("type")
        if bundle.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
            raise FhirError(400, "value", "The body must be a Bundle of type batch or transaction")
        how = self.personality.transactions
        if not self.personality.does("system", str(kind)) or (kind == "transaction" and how == "refused"):
            raise FhirError(self.personality.refused_status, "not-supported", f"This server does no {kind}")
        if kind == "transaction" and how == "atomic":
            answers = self._transaction(call, access, discard=discard)
        else:
            stops = kind == "transaction" and how == "half-written"
            answers = self._batch(call, access, discard=discard, stops=stops)
        made: Json = {"resourceType": "Bundle", "type": f"{kind}-response"}
        return Reply(200, {**made, "entry": answers} if answers else made)

    def _transaction(self, call: Call, access: Access, *, discard: bool) -> list[Json]:
        entries = read_entries(call.body, call)
        with self.store.session(write=True, discard=discard) as session:
            return run_transaction(self._unit(session, access, call), entries, answer)

    def _batch(self, call: Call, access: Access, *, discard: bool, stops: bool) -> list[Json]:
        answers = list[Json]()
        for entry in read_entries(call.body, call):
            try:
                answers.append(self._one_of_batch(entry, call, access, discard=discard))
            except FhirError as error:
                if stops:
                    raise error.within(entry.expression) from None
                answers.append(failed_entry(error))
        return answers

    def _one_of_batch(self, entry: Entry, outer: Call, access: Access, *, discard: bool) -> Json:
        with self._session(entry.call, discard=discard) as session:
            unit = self._unit(session, access, outer)
            made = answer_entry(entry, unit, answer)
            unit.verify()
        return made

    def _session(self, call: Call, *, discard: bool) -> AbstractContextManager[Session]:
        return self.store.session(write=is_write(call), discard=discard)

    def _unit(self, session: Session, access: Access, call: Call) -> Unit:
        return Unit(session, access, self.personality, call.base)
