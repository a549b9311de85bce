"""What a run against a server found: values only."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    UNAVAILABLE = "unavailable"
    """The server cannot do it and does not say that it could: the app knows another way, or says so."""
    FAILED = "failed"
    """The server says that it does this, or R4 asks it of every server, and it is not so."""
    NOT_RUN = "not-run"
    """It needs what an earlier check did not leave behind."""


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as a ticket may show it: no token, long content as its size alone."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: str
    status: int
    """0: there was no answer."""
    response_headers: Mapping[str, str]
    response_body: str
    milliseconds: int


@dataclass(frozen=True)
class CheckResult:
    """One check: `words` say in a sentence what was seen. `requirement`: where it is asked for."""

    name: str
    title: str
    group: str
    requirement: str
    verdict: Verdict
    words: str
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    milliseconds: int = 0
    exchanges_not_shown: int = 0
    """How many there were besides `exchanges`."""


class Word(StrEnum):
    """What is known of one interaction with one resource type, before anything is tried."""

    CAN = "can"
    NOT_GRANTED = "not-granted"
    """The server can; this sign-in may not."""
    KNOWN_NOT = "known-not"
    """The server says it, and servers of its family are known not to do it."""
    NOT_SAID = "not-said"


@dataclass(frozen=True)
class Row:
    """One resource type of the matrix: a word for each of `matrix.INTERACTIONS`."""

    resource_type: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Way:
    """How an image of twelve megapixels would be filed here. `passed`: what the chart would get in better ways, each
    with why not."""

    rung: str
    words: str
    passed: tuple[tuple[str, str], ...] = ()
    beside: tuple[str, ...] = ()
    """Resource types that the app's companion store keeps."""


@dataclass(frozen=True)
class Report:
    """One run. `left_behind`: what could not be removed again, as references with why."""

    fhir_base: str
    software: str
    fhir_version: str
    vendor: str
    at: dt.datetime
    version: str
    """Of this app."""
    results: tuple[CheckResult, ...]
    left_behind: tuple[str, ...]
    kept: bool = False
    """Nothing was removed, because somebody asked to look at it."""
    entered: str = ""
    """How it was entered, and with which scopes."""
    scopes: str = ""
    matrix: tuple[Row, ...] = ()
    way: Way | None = None
    cut_short: str = ""
    """Why not everything was tried: the server asked to be left alone, or the time was over. Empty: it was."""

    def counts(self) -> dict[Verdict, int]:
        """How many checks ended in each way."""
        counted = Counter(each.verdict for each in self.results)
        return {verdict: counted[verdict] for verdict in Verdict}

    @property
    def conforms(self) -> bool:
        """Nothing failed: all passed, or are rightly unavailable."""
        return not any(each.verdict is Verdict.FAILED for each in self.results)
