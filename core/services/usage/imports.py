"""Importing a file of usage: the whole file is checked before anything is charged, and twice is once (S4, S9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, Final

from sqlalchemy import Connection

from core.ledger.commands import SYSTEM
from core.ledger.credits import ZERO, Credits, total
from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.usage.cloud_events import Reported, text_of
from core.services.usage.reports import PreparedEvent, Rejection, UsageReport, charge_all, prepared
from core.services.usage.usage_file import Line, lines_of
from core.store.queries.usage_subjects import charged_keys

DEFAULT_SOURCE: Final = "csv"
MAX_WRONG_LINES: Final = 20  # named at once
_AT_ONCE: Final = 5_000  # lines in hand


@dataclass(slots=True)
class ImportView:
    """What an import did, or would do; ``credits`` is what the accepted lines cost.

    ``rejected`` are lines that could no longer be charged although the file had been checked, by their numbers.
    """

    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    credits: Credits = ZERO
    rejected: list[Rejection] = field(default_factory=list)
    dry_run: bool = False


async def import_usage(
    ledger: LedgerService, *, actor: Actor, stream: BinaryIO, source: str = DEFAULT_SOURCE, dry_run: bool = False
) -> ImportView:
    """Charge each line of a CSV file to the member it names; a line that was imported before is a duplicate.

    ``source`` names the tool, so that the ids of two do not meet. Raises Refused(invalid_request) naming the wrong
    lines, up to MAX_WRONG_LINES of them, before anything is charged.
    """
    text_of(source, "source")
    now = ledger.clock()
    checked = await _checked(ledger, actor, lines_of(stream, source=source, now=now))
    if dry_run:
        return checked
    done, lines = UsageReport(), lines_of(stream, source=source, now=now)
    while (due := await _next(ledger, actor, lines, done)) is not None:
        await charge_all(ledger, due, done)
    return ImportView(checked.lines, done.accepted, done.duplicates, done.credits, done.rejected)


async def _checked(ledger: LedgerService, actor: Actor, lines: Iterator[Line]) -> ImportView:
    """Return what charging the lines would do. Raises Refused(invalid_request)."""
    view, first_seen, found = ImportView(dry_run=True), dict[str, int](), UsageReport()
    while (due := await _next(ledger, actor, lines, found)) is not None:
        view.lines += len(due)
        for each in due:
            if (before := first_seen.setdefault(each.charge.event_id, each.place)) != each.place:
                repeated = Refused(Code.INVALID_REQUEST, f"It has the id of line {before}; each line needs its own.")
                found.reject(each.place, each.charge.event_id, repeated)
        if len(found.rejected) >= MAX_WRONG_LINES:
            break
        fresh = await _fresh(ledger, due)
        view.accepted += len(fresh)
        view.credits += total(each.charge.rating.amount for each in fresh)
    if found.rejected:
        raise _wrong_lines(found.rejected)
    view.duplicates = view.lines - view.accepted
    return view


async def _next(
    ledger: LedgerService, actor: Actor, lines: Iterator[Line], report: UsageReport
) -> list[PreparedEvent] | None:
    """Return the next lines that may be charged; None after the last. The others are rejected."""

    def prepare(connection: Connection) -> list[PreparedEvent] | None:
        some = list(islice(lines, _AT_ONCE))
        events: list[tuple[int, Reported]] = []
        for number, found in some:
            if isinstance(found, Refused):
                report.reject(number, None, found)
            else:
                events.append((number, found))
        return prepared(ledger, connection, actor, events, report) if some else None

    return await ledger.read(prepare)


async def _fresh(ledger: LedgerService, due: list[PreparedEvent]) -> list[PreparedEvent]:
    """Return those that were not charged before."""
    if not due:
        return []
    keys = {each.charge.key for each in due}
    org_id = due[0].charge.org_id
    known = await ledger.read(lambda connection: charged_keys(connection, org_id=org_id, actor_id=SYSTEM, keys=keys))
    return [each for each in due if each.charge.key not in known]


def _wrong_lines(rejected: list[Rejection]) -> Refused:
    named = sorted(rejected, key=lambda each: each.index)[:MAX_WRONG_LINES]
    others = len(rejected) - 1
    more = f" {others:,} more {'line is' if others == 1 else 'lines are'} wrong." if others else ""
    return Refused(
        Code.INVALID_REQUEST,
        f"Line {named[0].index}: {named[0].detail}{more} Nothing was charged.",
        errors=[{"field": f"line {each.index}", "message": each.detail} for each in named],
    )
