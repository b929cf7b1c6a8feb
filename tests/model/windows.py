"""Windows of allowances and caps a second time, for the model of the ledger: written from the rules S5 and S6.

It knows how much is included and how much may be taken, never where lots are.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from tests.model import rules
from tests.model.limits import ANCHOR, BOOSTS, CAPS, HOUR, PLANS

Key = tuple[str, str, datetime]  # whose window, of which meter, opened when
DAY = timedelta(days=1)


@dataclass
class Window:
    """One window of one person."""

    opens_at: datetime
    closes_at: datetime
    used: int = 0


@dataclass
class Windows:
    """All windows that were ever used. ``start`` is the instant from which the limits count."""

    start: datetime
    known: dict[Key, Window] = field(default_factory=dict)

    # What is left.

    def included(self, who: str, team: str, now: datetime) -> int:
        """S6: windows nest, so the least of what is left of each; a boost multiplies them all, the largest counts."""
        factors = [Fraction(each.factor) for each in BOOSTS if self._counts(each, who, team, now)]
        limits = [(rules.boosted(limit, factors), meter) for meter, limit in PLANS.get(who, {}).items()]
        return rules.plan_left((limit, self._window(who, meter, now).used) for limit, meter in limits)

    def _counts(self, boost: object, who: str, team: str, now: datetime) -> bool:
        subject, begins, ends = boost.subject, boost.from_hours, boost.to_hours  # type: ignore[attr-defined]
        return subject in {who, team, "all"} and rules.is_open_window(
            self.start + begins * HOUR, self.start + ends * HOUR, now
        )

    def may_take(self, who: str, team: str, now: datetime, amount: int, *, pool: str | None = None) -> int:
        """S5: how much of an amount the caps allow, of all lots or of one pool."""
        for meter, limit in self._caps(who, team, pool):
            amount = rules.left_of(limit, self._window(who, meter, now).used, amount)
        return amount

    def is_shut(self, who: str, team: str) -> bool:
        """S5: a cap of zero blocks."""
        return any(limit == 0 for _, limit in self._caps(who, team, None))

    def _caps(self, who: str, team: str, pool: str | None) -> Iterator[tuple[str, int | None]]:
        """S5: the person's own, else their team's, else everybody's, for each period by itself."""
        for period in ("day", "week", "month"):
            meter = f"cap:{period}" if pool is None else f"pool:{pool}:{period}"
            known = {cap.subject: cap.amount for cap in CAPS if (cap.period, cap.pool) == (period, pool)}
            is_set, limit = rules.effective_cap((each in known, known.get(each)) for each in (who, team, "all"))
            if is_set:
                yield meter, limit

    # What is used.

    def use(self, who: str, team: str, now: datetime, allowance: int, taken: dict[str, int]) -> list[tuple[Key, int]]:
        """Count what was paid: so much included, so much taken of each purse ("wallet" or a pool's team).

        Return what was counted where.
        """
        counted = [(meter, allowance) for meter in PLANS.get(who, {})]
        counted += [(meter, sum(taken.values())) for meter, _ in self._caps(who, team, None)]
        counted += [(meter, n) for pool, n in taken.items() for meter, _ in self._caps(who, team, pool)]
        done = []
        for meter, amount in counted:
            if amount:
                window = self._window(who, meter, now)
                key = (who, meter, window.opens_at)
                self.known.setdefault(key, window).used += amount
                done.append((key, amount))
        return done

    def owe(self, who: str, now: datetime, amount: int) -> None:
        """What nothing covered is counted by the day, and limited by nothing."""
        window = self._window(who, "overage:day", now)
        self.known.setdefault((who, "overage:day", window.opens_at), window).used += amount

    def give_back(self, now: datetime, reserved: list[tuple[Key, int]], allowance: int, taken: dict[str, int]) -> None:
        """What an authorization counted too much; a window that has closed is left alone (S6)."""
        for key, counted in reserved:
            back = rules.counted_in(key[1], allowance, sum(taken.values()), taken)
            assert back <= counted
            if rules.takes_back(self.known[key].closes_at, now):
                self.known[key].used -= back

    # Which window it is.

    def _window(self, who: str, meter: str, now: datetime) -> Window:
        """Return the window that now lies in: a known one, or one in which nothing was used yet."""
        if meter == "5h":
            mine = [window for (whose, kind, _), window in self.known.items() if (whose, kind) == (who, meter)]
            running = [window for window in mine if rules.is_open_window(window.opens_at, window.closes_at, now)]
            return running[0] if running else Window(now, now + 5 * HOUR)
        opens_at, closes_at = self._span(meter, now)
        return self.known.get((who, meter, opens_at), Window(opens_at, closes_at))

    def _span(self, meter: str, now: datetime) -> tuple[datetime, datetime]:
        """Return when a window of the calendar, or of a plan's weeks and months, begins and ends."""
        if meter in {"weekly", "monthly"}:
            begins, number = self.start + ANCHOR, 1
            while (ends := _after(self.start + ANCHOR, meter, number)) <= now:
                begins, number = ends, number + 1
            return begins, ends
        begins = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if meter.endswith(":day"):
            return begins, begins + DAY
        if meter.endswith(":week"):
            while begins.weekday():
                begins -= DAY
            return begins, begins + 7 * DAY
        while begins.day > 1:
            begins -= DAY
        ends = begins + 28 * DAY
        while ends.day > 1:
            ends += DAY
        return begins, ends


def _after(anchor: datetime, meter: str, number: int) -> datetime:
    if meter == "weekly":
        return anchor + number * 7 * DAY
    month = anchor.month - 1 + number
    year, month = anchor.year + month // 12, month % 12 + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))
