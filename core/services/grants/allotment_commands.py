"""Monthly allotments: begun, changed and ended by an admin, and granted run by run (S9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.allotments import Allotment, first_run
from core.ledger.batch import BatchState
from core.ledger.commands import SYSTEM, ReadSet
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.lots import Lot, Source
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.services.common.digests import digest_of
from core.services.grants.grant_commands import check_receiver, issue

PRIORITY: Final = 100
MAX_AHEAD: Final = timedelta(days=3_660)


@dataclass(frozen=True, slots=True)
class BeginAllotment:
    """Begin a monthly grant to a wallet or pool; its id is that of the transfer. ``start`` None is now."""

    org_id: int
    actor_id: int
    key: str
    account: int
    amount: Credits
    day: int
    lasts: int
    giftable: bool
    start: datetime | None
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        start = None if self.start is None else self.start.isoformat()
        facts = (self.account, self.amount.micros, self.day, self.lasts, int(self.giftable))
        return digest_of("begin allotment", self.reason, start, *facts)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.account)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: unknown_member, invalid_request for a start before today or years ahead."""
        check_receiver(batch, self.account)
        today = batch.now.replace(hour=0, minute=0, second=0, microsecond=0)
        start = batch.now if self.start is None else self.start
        if not today <= start <= batch.now + MAX_AHEAD:
            sentence = "The start is today or later, at most ten years ahead."
            raise Refused(Code.INVALID_REQUEST, sentence, field="starts_at")
        number = batch.post(TransferKind.ALLOT, note=self.reason)
        first_at = first_run(self.day, start)
        batch.put(
            Allotment(
                self.org_id,
                number,
                self.account,
                self.amount,
                self.day,
                self.lasts,
                self.giftable,
                first_at,
                first_at,
                batch.now,
            )
        )


@dataclass(frozen=True, slots=True)
class ChangeAllotment:
    """Change what is granted from the next run on; what is due by now is granted as it was. None leaves as it is."""

    org_id: int
    actor_id: int
    key: str
    allotment_id: int
    account: int
    amount: Credits | None
    lasts: int | None
    giftable: bool | None
    reason: str | None
    count: int = 1

    @property
    def digest(self) -> bytes:
        amount = None if self.amount is None else self.amount.micros
        giftable = None if self.giftable is None else int(self.giftable)
        return digest_of("change allotment", self.allotment_id, amount, self.lasts, giftable, self.reason)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.account, self.allotment_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_allowed when it has ended."""
        allotment = _running(batch, self.allotment_id)
        batch.post(TransferKind.ALLOT, cause_id=allotment.allotment_id, note=self.reason)
        allotment = _brought_up_to_date(batch, allotment)
        changed = replace(
            allotment,
            amount=allotment.amount if self.amount is None else self.amount,
            lasts=allotment.lasts if self.lasts is None else self.lasts,
            giftable=allotment.giftable if self.giftable is None else self.giftable,
        )
        batch.put(changed)


@dataclass(frozen=True, slots=True)
class EndAllotment:
    """End it: what is due by now is granted, nothing after. What it granted stays."""

    org_id: int
    actor_id: int
    allotment_id: int
    account: int
    reason: str | None
    count: int = 1

    @property
    def key(self) -> str:
        return f"allotment-end:{self.allotment_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("end allotment", self.allotment_id)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.account, self.allotment_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused: not_allowed when it has ended."""
        allotment = _running(batch, self.allotment_id)
        batch.post(TransferKind.ALLOT, cause_id=allotment.allotment_id, note=self.reason)
        batch.put(replace(_brought_up_to_date(batch, allotment), ended_at=batch.now))


@dataclass(frozen=True, slots=True)
class RunAllotment:
    """The sweep grants one run, once, whatever is due before it having been granted or having lapsed.

    That of somebody who has left ends instead.
    """

    org_id: int
    allotment_id: int
    account: int
    run: int
    actor_id: int = SYSTEM
    count: int = 1

    @property
    def key(self) -> str:
        return f"allotment:{self.allotment_id}:{self.run}"

    @property
    def digest(self) -> bytes:
        return digest_of("run allotment", self.allotment_id, self.run)

    @property
    def needs(self) -> ReadSet:
        return _needs(self.account, self.allotment_id)

    def decide(self, batch: BatchState) -> None:
        """Raises Refused(not_found) when somebody was faster, or it is not due."""
        allotment = _found(batch, self.allotment_id)
        if next(allotment.due(batch.now), None) != self.run:
            raise Refused(Code.NOT_FOUND, "This run is not due.")
        if _has_left(batch, allotment.account_id):
            batch.post(TransferKind.ALLOT, cause_id=allotment.allotment_id, note="They have left.")
            batch.put(replace(allotment, ended_at=batch.now))
            return
        batch.put(_granted(batch, allotment, self.run))


def _needs(account: int, allotment_id: int | None = None) -> ReadSet:
    people = (owner_of(account),) if kind_of(account) is AccountKind.WALLET else ()
    wishes = () if allotment_id is None else (RecordQuery(Allotment, "allotment_id", allotment_id),)
    return ReadSet(members=people, accounts=(account,), debts_of=(account,), records=wishes)


def _found(batch: BatchState, allotment_id: int) -> Allotment:
    for allotment in batch.records_of(Allotment, "allotment_id", allotment_id):
        return allotment
    raise Refused(Code.NOT_FOUND, "Allotment not found.")


def _running(batch: BatchState, allotment_id: int) -> Allotment:
    allotment = _found(batch, allotment_id)
    if allotment.ended_at is not None:
        raise Refused(Code.NOT_ALLOWED, "This allotment has ended. Begin another one.")
    return allotment


def _brought_up_to_date(batch: BatchState, allotment: Allotment) -> Allotment:
    """Grant what is due by now: the sweep may come late, and must not pay what was agreed on after it."""
    if _has_left(batch, allotment.account_id):
        return allotment
    for run in allotment.due(batch.now):
        allotment = _granted(batch, allotment, run)
    return allotment


def _granted(batch: BatchState, allotment: Allotment, run: int) -> Allotment:
    """Grant one run, whose lots lapse on time however late it comes, and return the allotment after it."""
    number = batch.next_id()
    lot = Lot(
        number,
        Source.ALLOTMENT,
        allotment.lapses_at(run),
        allotment.giftable,
        PRIORITY,
        batch.now,
        allotment.amount,
        allotment.account_id,
    )
    issue(batch, allotment.org_id, lot, cause_id=allotment.allotment_id)
    granted = allotment.granted + allotment.amount
    return replace(allotment, passed=run, next_at=allotment.at(run + 1), granted=granted)


def _has_left(batch: BatchState, account: int) -> bool:
    member = batch.member(owner_of(account)) if kind_of(account) is AccountKind.WALLET else None
    return member is not None and member.has_left
