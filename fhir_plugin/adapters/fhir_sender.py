"""One request at a time to one FHIR server: within its base, with the launch's token, which goes nowhere else.

What a server's answer means to the caller is not decided here (`fhir_replies`); only that there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus

from fhir_plugin.adapters.fhir_bundles import matches_in, next_link, total_of
from fhir_plugin.adapters.fhir_r5 import R4Wire
from fhir_plugin.adapters.fhir_replies import FHIR_JSON, TOO_LARGE, accept_read, half_answered, is_too_large
from fhir_plugin.adapters.fhir_urls import Within
from fhir_plugin.errors import RecordRefused, RecordUnavailable
from mappings.model.identifiers import FhirBase
from smart_launch import errors as smart
from smart_launch.transport import Reply, Transport

Json = dict[str, Any]

MOST_PAGES: Final = 500
"""Of one list: 10,000 entries of one type even where a server gives twenty at a time, whatever it is asked for."""

_STRICT: Final = {"Prefer": "handling=strict", "Cache-Control": "no-cache"}
"""Some answer a search again as they answered it a minute ago (HAPI): what is gone would be shown, or the reverse."""


class FhirSender:
    """Asks one FHIR server. `access_token`, `renew` and `most_pages` as for `FhirServerRecord`. `refused_for_size` is
    told how many bytes a request had that the server said is too large."""

    def __init__(
        self,
        transport: Transport,
        base: FhirBase,
        access_token: Callable[[], str] | None = None,
        *,
        most_pages: int = MOST_PAGES,
        renew: Callable[[str], str] | None = None,
        refused_for_size: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._transport = transport
        self._refused_for_size = refused_for_size
        self.within = Within(base)
        self._access_token = access_token
        self._most_pages = most_pages
        self._renew = renew
        self.wire = R4Wire()
        """How this server says what we say: known once it has described itself."""

    @property
    def base(self) -> FhirBase:
        return self.within.base

    @property
    def has_token(self) -> bool:
        """False for an open server."""
        return self._access_token is not None

    def pages(
        self, url: str, what: str, *, form: Mapping[str, str] | None = None, private: Sequence[str] = ()
    ) -> Iterator[Json]:
        """Bundles, following `next` within `base`. A list that cannot be completed is refused, not cut.

        `private`: values that say who somebody is, and so must not stand in the address of a next page.
        """
        seen = {url}
        given = 0
        reply = self.ask("GET" if form is None else "POST", url, what, headers=_STRICT, form=form)
        while True:
            page = accept_read(reply, what)
            yield page
            given += matches_in(page)
            link = next_link(page)
            if link is None:
                # Some page and name no next one. Of a history HAPI goes on counting what it has purged.
                if page.get("type") == "searchset" and given < total_of(page):
                    raise RecordRefused(f"{what}: the server kept the rest to itself", code="list-incomplete")
                return
            following = self.within.resolve(link, seen_from=url)
            if following is None:
                raise RecordRefused(f"{what}: the next page lies outside this record", code="outside-base")
            if following in seen:
                raise RecordRefused(f"{what}: the pages go round in a circle", code="pages-loop")
            if any(value and value in unquote_plus(following) for value in private):
                raise RecordRefused(f"{what}: the next page would name a person", code="private-link")
            if len(seen) == self._most_pages:
                raise RecordRefused(f"{what}: more than {self._most_pages} pages", code="too-many-results")
            seen.add(following)
            reply = self.ask("GET", following, what, headers=_STRICT)

    def ask(
        self,
        method: str,
        url: str,
        what: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        token: bool = True,
    ) -> Reply:
        """One request, within `base` only. A POST with a form is a search, so only a reading.

        Raises `RecordRefused` (`outside-base`), `RecordUnavailable` when it was surely not done, `AnswerLost` when
        nobody knows.
        """
        writing = method != "GET" and form is None
        address = self.within.resolve(url)
        if address is None:
            raise RecordRefused(f"{what} lies outside this record", code="outside-base")
        sent = {"Accept": FHIR_JSON, **(headers or {})}
        content = self.wire.sent(content, sent)
        bearer = self._access_token() if token and self._access_token is not None else None
        try:
            reply = self._send(method, address, sent, bearer, content=content, form=form)
            if reply.status == 401 and bearer is not None and self._renew is not None:
                # Refused before anything was done with it: a token that died early may be renewed, once.
                reply = self._send(method, address, sent, self._renew(bearer), content=content, form=form)
            if writing and content is not None and is_too_large(reply):
                self._refused_for_size(len(content))
            return self.wire.came(reply)
        except smart.NotSent as not_sent:
            says = f"{what} was not sent ({not_sent.code})"
            raise RecordUnavailable(says, retry_after=not_sent.retry_after) from not_sent
        except (smart.AnswerLost, smart.ReplyTooLarge) as lost:
            if writing:
                if content is not None and lost.status == TOO_LARGE:
                    self._refused_for_size(len(content))
                raise half_answered(lost.status, what, lost.code) from lost
            raise RecordUnavailable(f"{what} was not answered ({lost.code})") from lost

    def _send(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        bearer: str | None,
        *,
        content: bytes | None,
        form: Mapping[str, str] | None,
    ) -> Reply:
        sent = {**headers, "Authorization": f"Bearer {bearer}"} if bearer is not None else headers
        return self._transport.send(method, address, headers=sent, content=content, form=form)
