"""Boosts are dropped and ended early; budgets say what leads may drop (S6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.ledger.accounts import pool_of
from core.ledger.batch import BatchState
from core.ledger.commands import ReadSet
from core.ledger.errors import Code, Refused
from core.ledger.records import RecordQuery
from core.ledger.transfers import TransferKind
from core.metering.boosts import MAX_LASTS, Boost, Factor, Stage
from core.metering.campaigns import BoostBudget, days_of, month_of
from core.services.common.digests import digest_of

MAX_AHEAD: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class GrantBoost:
    """Give a member, a team or everybody a boost: an admin as they like, a lead to their team from its budget.

    Without ``starts_at`` it begins at once; it ends at ``ends_at``, or after ``lasts``.
    """

    org_id: int
    actor_id: int
    key: str
    subject_id: int
    is_team: bool
    factor: Factor
    starts_at: datetime | None
    ends_at: datetime | None
    lasts: timedelta | None
    reason: str | None
    is_admin: bool
    count: int = 1

    @property
    def digest(self) -> bytes:
        moments = [None if moment is None else moment.isoformat() for moment in (self.starts_at, self.ends_at)]
        lasts = None if self.lasts is None else int(self.lasts.total_seconds())
        return digest_of("drop", self.subject_id, self.factor.thousandths, *moments, lasts, self.reason)

    @property
    def needs(self) -> ReadSet:
        is_org = self.subject_id == self.org_id
        people = () if self.is_team or is_org else (self.subject_id,)
        pools = (pool_of(self.org_id), *((pool_of(self.subject_id),) if self.is_team else ()))
        budget = (RecordQuery(BoostBudget, "team_id", self.subject_id),)
        return ReadSet(members=people, accounts=pools, seats_of=(self.actor_id,), records=budget)

    def decide(self, batch: BatchState) -> None:
        _check_subject(batch, self)
        starts_at, ends_at = self._span(batch.now)
        budget_days = 0 if self.is_admin else self._take_from_budget(batch, ends_at - starts_at)
        number = batch.post(TransferKind.BOOST, note=self.reason)
        boost = Boost(
            self.org_id,
            number,
            self.subject_id,
            self.factor,
            starts_at,
            ends_at,
            None,
            self.actor_id,
            batch.now,
            Stage.NOTHING,
            starts_at,
            budget_days,
        )
        batch.put(boost)

    def _span(self, now: datetime) -> tuple[datetime, datetime]:
        starts_at = now if self.starts_at is None else self.starts_at
        if starts_at > now + MAX_AHEAD:
            raise Refused(Code.INVALID_REQUEST, "The start is more than a year away.", field="starts_at")
        ends_at = starts_at + (self.lasts or timedelta()) if self.ends_at is None else self.ends_at
        if ends_at <= starts_at:
            raise Refused(Code.INVALID_REQUEST, "The boost ends before it starts.", field="ends_at")
        if ends_at <= now:
            raise Refused(Code.INVALID_REQUEST, "The boost would be over already.", field="ends_at")
        if ends_at - starts_at > MAX_LASTS:
            raise Refused(Code.INVALID_REQUEST, f"A boost lasts at most {MAX_LASTS.days} days.", field="ends_at")
        return max(starts_at, now), ends_at

    def _take_from_budget(self, batch: BatchState, length: timedelta) -> int:
        if not self.is_team or not _leads(batch, self.actor_id, self.subject_id):
            raise Refused(Code.NOT_ALLOWED, "Only an admin, or a lead for their own team, can grant a boost.")
        found = batch.records_of(BoostBudget, "team_id", self.subject_id)
        if not found:
            raise Refused(Code.POLICY_REFUSED, "Your team has no budget of boost days; an admin can give it one.")
        budget, days = found[0].in_month(batch.now), days_of(length)
        if self.factor > budget.max_factor:
            sentence = f"Your team's boosts may be at most {budget.max_factor}×."
            raise Refused(Code.POLICY_REFUSED, sentence, max_factor=str(budget.max_factor))
        if days > budget.days_left:
            sentence = (
                f"This takes {days} boost days; {budget.days_left} of {budget.days_per_month} are left this month."
            )
            raise Refused(Code.POLICY_REFUSED, sentence, days=days, days_left=budget.days_left)
        batch.put(replace(budget, spent_days=budget.spent_days + days))
        return days


@dataclass(frozen=True, slots=True)
class EndBoost:
    """End a boost before its time: an admin any, a lead one of their team; budget days not begun come back."""

    org_id: int
    actor_id: int
    boost_id: int
    team_id: int  # whose boost it is; the id of anything else finds no budget and no lead
    reason: str | None
    is_admin: bool
    count: int = 1

    @property
    def key(self) -> str:
        return f"end-boost:{self.boost_id}"

    @property
    def digest(self) -> bytes:
        return digest_of("end-boost", self.boost_id)

    @property
    def needs(self) -> ReadSet:
        records = (RecordQuery(Boost, "boost_id", self.boost_id), RecordQuery(BoostBudget, "team_id", self.team_id))
        return ReadSet(accounts=(pool_of(self.org_id),), seats_of=(self.actor_id,), records=records)

    def decide(self, batch: BatchState) -> None:
        boost = next(iter(batch.records_of(Boost, "boost_id", self.boost_id)), None)
        if boost is None:
            raise Refused(Code.NOT_FOUND, "Boost not found.")
        if not self.is_admin and not _leads(batch, self.actor_id, boost.subject_id):
            raise Refused(Code.NOT_ALLOWED, "Only an admin, or a lead of the boosted team, can end it.")
        if boost.ends_at <= batch.now:
            raise Refused(Code.CAMPAIGN_CLOSED, "This boost is over already.", state="ended")
        batch.post(TransferKind.BOOST, cause_id=self.boost_id, note=self.reason)
        self._give_back(batch, boost)
        batch.put(boost.ended(batch.now))

    def _give_back(self, batch: BatchState, boost: Boost) -> None:
        budget = next(iter(batch.records_of(BoostBudget, "team_id", boost.subject_id)), None)
        if not boost.budget_days or budget is None or budget.month_at != month_of(boost.created_at):
            return
        begun = max(days_of(batch.now - boost.starts_at), 0)
        unused = max(boost.budget_days - begun, 0)
        batch.put(replace(budget, spent_days=max(budget.spent_days - unused, 0)))


@dataclass(frozen=True, slots=True)
class SetBudget:
    """An admin says how many days of boosts the leads of a team may drop in a month; what is spent stays spent."""

    org_id: int
    actor_id: int
    key: str
    team_id: int
    days_per_month: int
    max_factor: Factor
    count: int = 1

    @property
    def digest(self) -> bytes:
        return digest_of("boost-budget", self.team_id, self.days_per_month, self.max_factor.thousandths)

    @property
    def needs(self) -> ReadSet:
        budget = (RecordQuery(BoostBudget, "team_id", self.team_id),)
        return ReadSet(accounts=(pool_of(self.org_id), pool_of(self.team_id)), records=budget)

    def decide(self, batch: BatchState) -> None:
        if not batch.is_locked(pool_of(self.team_id)):
            raise Refused(Code.NOT_FOUND, "Team not found.")
        month = month_of(batch.now)
        found = batch.records_of(BoostBudget, "team_id", self.team_id)
        spent = found[0].in_month(batch.now).spent_days if found else 0
        batch.post(TransferKind.BOOST, cause_id=self.team_id)
        batch.put(BoostBudget(self.org_id, self.team_id, self.days_per_month, self.max_factor, month, spent))


def _check_subject(batch: BatchState, drop: GrantBoost) -> None:
    if drop.subject_id == drop.org_id:
        return
    if drop.is_team:
        if not batch.is_locked(pool_of(drop.subject_id)):
            raise Refused(Code.NOT_FOUND, "Team not found.")
        return
    member = batch.member(drop.subject_id)
    if member is None or member.has_left:
        raise Refused(Code.UNKNOWN_MEMBER, "Member not found.", field="to")


def _leads(batch: BatchState, member_id: int, team_id: int) -> bool:
    return any(seat.is_lead and seat.team_id == team_id for seat in batch.seats_of(member_id))
