"""Usage that was reported after it happened: each event is charged once, to whom it names (S2, S4).

What is wrong with one event is said of that event; its neighbours are charged. Nothing is refused for lack of funds.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection

from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.metering.usage import Rating
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.retry import retry_while_overloaded
from core.services.usage.charge_commands import Charge, check_cost
from core.services.usage.charges import rated
from core.services.usage.cloud_events import Reported, read_event, wrong
from core.services.usage.payers import Payers
from core.services.usage.ratecard_cache import CachedRateCards
from core.store.queries import organizations

MAX_EVENTS: Final = 10_000  # in one request
MAX_SKEW: Final = timedelta(minutes=5)  # how far a reporter's clock may be ahead
IN_FLIGHT: Final = 1_000  # commands of one report that wait for their answer
FOREGROUND: Final = 32  # larger reports give way to callers who wait for theirs
MAX_ATTEMPTS: Final = 100  # while the journal's queue is full
STATED_CARD: Final = "stated"  # the card of usage whose price came with it
_AGAIN: Final = "Another event was reported with this source and id, and with other content. Give each its own id."


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was not charged: its place in the report, its id if it has one, and why."""

    index: int
    id: str | None
    code: Code
    detail: str


@dataclass(slots=True)
class UsageReport:
    """What became of reported events; ``credits`` is what the accepted ones cost."""

    accepted: int = 0
    duplicates: int = 0
    credits: Credits = ZERO
    rejected: list[Rejection] = field(default_factory=list)

    def reject(self, index: int, event_id: str | None, refused: Refused) -> None:
        detail = _AGAIN if refused.code is Code.IDEMPOTENCY_CONFLICT else refused.detail
        self.rejected.append(Rejection(index, event_id, refused.code, detail))


class PreparedEvent(NamedTuple):
    """An event that may be charged, and its place in the report."""

    place: int
    charge: Charge


async def report_usage(ledger: LedgerService, *, actor: Actor, documents: Sequence[object]) -> UsageReport:
    """Charge reported events: parsed CloudEvents, at most MAX_EVENTS.

    A service or an admin reports for whom each event names, everybody else for themselves only. Events are known
    by (source, id); those that people report of themselves have sources of their own, so that nobody takes a
    gateway's ids. Raises Refused: too_large, overloaded when nothing at all could be charged.
    """
    if len(documents) > MAX_EVENTS:
        sentence = f"One request takes at most {MAX_EVENTS:,} events. Split it."
        raise Refused(Code.TOO_LARGE, sentence, limit_events=MAX_EVENTS)
    report = UsageReport()

    def prepare(connection: Connection) -> list[PreparedEvent]:
        return prepared(ledger, connection, actor, _read(documents, report), report)

    await charge_all(ledger, await ledger.read(prepare), report)
    return report


def prepared(
    ledger: LedgerService,
    connection: Connection,
    actor: Actor,
    events: Iterable[tuple[int, Reported]],
    report: UsageReport,
) -> list[PreparedEvent]:
    """Return the events that may be charged, rated by the card in force at their time; the others are rejected."""
    numbered = list(events)
    people = Payers(connection, actor, {each.subject for _, each in numbered if each.subject is not None})
    shelved = ledger.ratecard_cache.of(connection, actor.org_id)
    organization = organizations.organization(connection, org_id=actor.org_id)
    assert organization is not None, "a token is of an organization"
    now, own = ledger.clock(), shown_id(Prefix.MEMBER, actor.member_id)
    due = []
    for index, event in numbered:
        try:
            at = _checked_time(event.at, now, organization.created_at)
            rating = _rated(event, shelved, at)
            member_id = people.charged_for(event.subject)
            due.append(PreparedEvent(index, _charge(actor, own, event, member_id, rating)))
        except Refused as refused:
            report.reject(index, event.event_id, refused)
    return due


async def charge_all(ledger: LedgerService, due: Sequence[PreparedEvent], report: UsageReport) -> None:
    """Charge events, many at a time, and count what became of them into the report.

    Raises Refused(overloaded) when the journal took none.
    """
    in_background = len(due) > FOREGROUND
    groups_left = iter(_by_key(due))

    async def work() -> None:
        for group in groups_left:  # shared by all: each takes the next
            await _charge_group(ledger, group, report, in_background=in_background)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(IN_FLIGHT, len(due))):
            tasks.create_task(work())
    report.rejected.sort(key=lambda each: each.index)
    if due and not report.accepted + report.duplicates and all(r.code is Code.OVERLOADED for r in report.rejected):
        raise Refused(Code.OVERLOADED, "Too many requests are waiting; nothing was charged. Try again in a moment.")


def _read(documents: Sequence[object], report: UsageReport) -> Iterator[tuple[int, Reported]]:
    for index, document in enumerate(documents):
        try:
            yield index, read_event(document)
        except Refused as refused:
            report.reject(index, _id_of(document), refused)


def _id_of(document: object) -> str | None:
    """Return what a wrong event calls itself, as far as that can be shown."""
    found = document.get("id") if isinstance(document, Mapping) else None
    return found[:200] if isinstance(found, str) else None


def _checked_time(at: datetime | None, now: datetime, opened_at: datetime) -> datetime:
    if at is None:
        return now
    if at > now + MAX_SKEW:
        raise wrong(f"time lies in the future: here it is {_shown(now)}. Correct the reporter's clock.", "time")
    if at < opened_at:
        raise wrong(f"time is before the books were opened, at {_shown(opened_at)}. That cannot be charged.", "time")
    return at


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rated(event: Reported, shelved: CachedRateCards, at: datetime) -> Rating:
    if event.stated is not None:
        rating = Rating(event.stated, STATED_CARD, is_fallback=False)
    else:
        try:
            card = shelved.at(at)
        except ValueError as problem:
            raise wrong(f"This cannot be rated: {problem}.", "time") from None
        rating = rated(event.usage, card)
    check_cost(rating.amount)
    return rating


def _charge(actor: Actor, own: str, event: Reported, member_id: int, rating: Rating) -> Charge:
    """Return the command; ``own`` is the reporter's id, which leads the sources of those who report for themselves."""
    source = event.source if actor.spends_for_all else f"{own}/{event.source}"
    subject = event.said_of(own)
    return Charge(actor.org_id, member_id, source, event.event_id, subject, event.usage, rating, event.at)


def _by_key(due: Iterable[PreparedEvent]) -> list[list[PreparedEvent]]:
    """Return the events in groups that share source and id, each in the order it was reported."""
    groups: defaultdict[tuple[str, str], list[PreparedEvent]] = defaultdict(list)
    for each in due:
        groups[each.charge.source, each.charge.event_id].append(each)
    return list(groups.values())


async def _charge_group(
    ledger: LedgerService, group: Sequence[PreparedEvent], report: UsageReport, *, in_background: bool
) -> None:
    """Charge the first event that can be; of the others, those that say the same are duplicates (S4)."""
    charged: Charge | None = None
    for place, charge in group:
        if charged is not None:
            if charged.digest == charge.digest:
                report.duplicates += 1
            else:
                report.reject(place, charge.event_id, Refused(Code.IDEMPOTENCY_CONFLICT, _AGAIN))
            continue
        try:
            submit = partial(ledger.execute, charge, in_background=in_background)
            receipt = await retry_while_overloaded(submit, attempts=MAX_ATTEMPTS)
        except Refused as refused:
            report.reject(place, charge.event_id, refused)
            continue
        charged = charge
        if receipt.replayed:
            report.duplicates += 1
        else:
            report.accepted += 1
            report.credits += charge.rating.amount
