"""What every row of the table is given: fresh copies of a town on the database it is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.fixture_data import Town, build, open_town
from benchmarks.raw import Raw, Scribe
from core.clock import Clock, system_clock
from core.services.common.ledger_service import LedgerService
from tests.support.databases import Databases


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    transfers: int  # of one round
    sweeps: int  # rounds of settling, which take longer to prepare
    due_gifts: int
    due_at_once: int  # beside callers, in one turn of a few seconds
    history_entries: int
    people: int  # in the big organization
    organizations: int  # beside it
    people_each: int


FULL = Size(5, 20_000, 3, 100_000, 6_000, 10_000_000, 2_000, 1_000, 4)
QUICK = Size(2, 1_500, 1, 5_000, 1_800, 300_000, 500, 1_000, 2)


@dataclass(slots=True)
class Trio:
    """Three databases with the same content: ours, the raw one, and the one where rows are prepared."""

    ledger: LedgerService
    raw: Raw
    scribe: Scribe


@dataclass(slots=True)
class Bench:
    """One kind of database, with the town on it."""

    kind: str
    size: Size
    town: Town
    databases: Databases
    _template: str | None = field(default=None)

    @property
    def template(self) -> str:
        """The URL of the built town, which nobody has open."""
        if self._template is None:
            url = self.databases.fresh(self.kind)
            build(self.town, url)
            self._template = url
        return self._template

    @contextmanager
    def a_copy(self, *, of: str | None = None) -> Iterator[str]:
        """A database with the town as it was built, or as another has it, which nobody has open."""
        url = self.databases.copy(of or self.template)
        yield url
        self.databases.drop(url)

    @contextmanager
    def ledger(self, *, clock: Clock = system_clock, queue_size: int | None = None) -> Iterator[LedgerService]:
        """An open ledger of a fresh copy."""
        options = {} if queue_size is None else {"queue_size": queue_size}
        with self.a_copy() as url:
            ledger = open_town(url, clock=clock, **options)
            try:
                yield ledger
            finally:
                ledger.close()

    @contextmanager
    def trio(self, clock: Clock = system_clock) -> Iterator[Trio]:
        """Three fresh copies."""
        with ExitStack() as stack:
            ledger = stack.enter_context(self.ledger(clock=clock))
            raw = Raw(stack.enter_context(self.a_copy()))
            stack.callback(raw.close)
            scribe = Scribe(stack.enter_context(self.a_copy()), clock)
            stack.callback(scribe.close)
            yield Trio(ledger, raw, scribe)
