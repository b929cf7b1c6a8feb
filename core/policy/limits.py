"""An organization's policy: the numbers its rules test against. None switches a rule off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from core.ledger.credits import Credits

_AMOUNTS = frozenset(
    {"credits_per_gift", "credits_per_day", "referral_inviter", "referral_invited", "referral_min_used"}
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of giving, with their defaults. A day is the last 24 hours, rolling."""

    settlement_hours: int = 24
    min_use_hours: int = 24
    require_verified: bool = True
    credits_per_gift: Credits | None = Credits.of(500)  # noqa: RUF009  (immutable)
    credits_per_day: Credits | None = Credits.of(1_000)  # noqa: RUF009
    gifts_per_day: int | None = 5
    gifts_per_pair_and_day: int | None = 2
    referral_inviter: Credits | None = Credits.of(100)  # noqa: RUF009
    referral_invited: Credits | None = Credits.of(100)  # noqa: RUF009
    referral_lasts_days: int = 90
    referral_min_used: Credits | None = Credits.of(50)  # noqa: RUF009
    referral_newcomer_days: int | None = 30
    referrals_per_month: int | None = 10

    @property
    def settlement(self) -> timedelta:
        return _hours(self.settlement_hours)

    @property
    def min_use(self) -> timedelta:
        return _hours(self.min_use_hours)

    @property
    def counts_days(self) -> bool:
        """Whether any rule looks at what was given in the last day."""
        return not (self.credits_per_day is None and self.gifts_per_day is None and self.gifts_per_pair_and_day is None)

    @classmethod
    def of(cls, body: Mapping[str, Any] | Policy | None) -> Policy:
        """Read the stored form; what it leaves out has its default. Raises ValueError for unknown names.

        A policy that was read already is returned as it is.
        """
        if isinstance(body, Policy):
            return body
        known = {rule.name for rule in fields(cls)}
        body = body or {}
        if unknown := sorted(body.keys() - known):
            raise ValueError(f"the policy has no rule {unknown[0]!r}; it has {', '.join(sorted(known))}")
        rules: dict[str, Any] = {name: _amount(value) if name in _AMOUNTS else value for name, value in body.items()}
        return cls(**rules)

    def body(self) -> dict[str, Any]:
        """Return the stored form: JSON values, amounts as exact strings."""
        return {name: str(value) if isinstance(value, Credits) else value for name, value in asdict(self).items()}


@lru_cache(maxsize=256)
def _hours(hours: int) -> timedelta:
    return timedelta(hours=hours)


def _amount(text: str | None) -> Credits | None:
    return None if text is None else Credits.parse(text)
