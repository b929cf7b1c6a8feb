"""Everything that a person's spending depends on, and what it comes to at any instant (S1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.ledger.accounts import pool_of, wallet_of
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code
from core.ledger.positions import Position, held
from core.metering.allowances import Plan, PlanAssignment, UsageWindow, assignment_in_force, window_at
from core.metering.boosts import Boost, in_force
from core.metering.caps import Cap, period_of
from core.metering.caps import in_force as caps_in_force
from core.metering.evaluate import FundingSource, Limit, SpendingSnapshot

MAX_CHANGES: Final = 64  # instants looked ahead for "wait until"


@dataclass(frozen=True, slots=True)
class SpendingProfile:
    """What is known of a person and their teams' pools, whatever the instant. ``team_ids``: the oldest team first."""

    org_id: int
    member_id: int
    team_ids: tuple[int, ...]
    blocked: Code | None
    seats: tuple[PlanAssignment, ...]
    plans: tuple[Plan, ...]
    windows: tuple[UsageWindow, ...]
    caps: tuple[Cap, ...]
    boosts: tuple[Boost, ...]
    positions: dict[int, list[Position]]

    def at(self, now: datetime) -> SpendingSnapshot:
        """Return what counts at an instant: windows, boosts and lots that have ended by then do not."""
        caps = [self._cap(cap, now) for cap in self._caps(now)]
        return SpendingSnapshot(
            self.allowance(now),
            tuple(cap for cap in caps if cap.meter.startswith("cap:")),
            tuple(self._purses(caps, now)),
            self.blocked,
        )

    def boost(self, now: datetime) -> Boost | None:
        """Return the boost that counts: the largest in force, never the product (S6)."""
        return in_force(self.boosts, now)

    def allowance(self, now: datetime) -> tuple[Limit, ...]:
        """Return the windows of the plan in force, each limit multiplied by the boost; the shortest window first."""
        if not self.seats:
            return ()
        seat = assignment_in_force(self.seats, self.member_id, now)
        plan = next((plan for plan in self.plans if seat is not None and plan.plan_id == seat.plan_id), None)
        if plan is None or seat is None:
            return ()
        boost = self.boost(now)
        limits: list[Limit] = []
        for meter, base in plan.limits.items():
            window = window_at(meter, self.windows, seat.anchor_at, now)
            is_open = isinstance(window, UsageWindow) or meter != "5h"
            used = window.used if isinstance(window, UsageWindow) else ZERO
            limit = base if boost is None else boost.apply(base)
            limits.append(Limit(meter, limit, used, window.opens_at, window.closes_at, is_open))
        return tuple(limits)

    def changes(self, now: datetime) -> Iterator[datetime]:
        """Yield the instants after ``now`` at which something of this changes by itself, in order."""
        moments = {window.closes_at for window in self.allowance(now) if window.is_open}
        moments |= {self._cap(cap, now).closes_at for cap in self._caps(now)}
        moments |= {position.lot.expires_at for position in self._positions() if position.lot.expires_at is not None}
        moments |= {moment for boost in self.boosts for moment in (boost.starts_at, boost.ends_at)}
        moments |= {seat.from_at for seat in self.seats} | {cap.from_at for cap in self.caps}
        yield from sorted(moment for moment in moments if moment > now)[:MAX_CHANGES]

    def _caps(self, now: datetime) -> list[Cap]:
        if not self.caps:
            return []
        return caps_in_force(self.caps, member_id=self.member_id, team_ids=self.team_ids, org_id=self.org_id, now=now)

    def _cap(self, cap: Cap, now: datetime) -> Limit:
        span = period_of(cap.period, now)
        used = [each.used for each in self.windows if each.meter == cap.meter and each.opens_at == span.opens_at]
        return Limit(cap.meter, cap.amount, used[0] if used else ZERO, span.opens_at, span.closes_at)

    def _purses(self, caps: Iterable[Limit], now: datetime) -> Iterator[FundingSource]:
        yield FundingSource(wallet_of(self.member_id), self._usable(wallet_of(self.member_id), now))
        for team in self.team_ids:
            own = tuple(cap for cap in caps if cap.meter.startswith(f"pool:{team}:"))
            yield FundingSource(pool_of(team), self._usable(pool_of(team), now), own)

    def _usable(self, account: int, now: datetime) -> Credits:
        """L5: what has expired is unusable, whether or not the job has run."""
        return held(each for each in self.positions.get(account, ()) if not each.lot.expired(now))

    def _positions(self) -> Iterator[Position]:
        for positions in self.positions.values():
            yield from positions
