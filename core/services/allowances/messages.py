"""What limits of spending are called, and what people are told when they come near one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.credits import Credits
from core.ledger.errors import Code

LIMIT_NOTICES: Final = frozenset({"threshold", "overage"})
_ALLOWANCES: Final = {"5h": "5-hour allowance", "weekly": "weekly allowance", "monthly": "monthly allowance"}
_PERIODS: Final = {"day": "daily", "week": "weekly", "month": "monthly"}
_BLOCKS: Final = {Code.ACCOUNT_FROZEN.value: "frozen wallet", Code.NOT_ALLOWED.value: "ended membership"}
_ALL: Final = 100  # percent


def limit_label(limit: str, teams: Mapping[int, str] | None = None) -> str:
    """Return what people call a limit of the trace or a meter: ``weekly`` is the weekly allowance.

    ``teams`` are names by number, for the pools among them.
    """
    if limit in _ALLOWANCES:
        return _ALLOWANCES[limit]
    if limit.isdecimal():
        is_pool = kind_of(int(limit)) is AccountKind.POOL
        return _pool(owner_of(int(limit)), teams) if is_pool else "wallet"
    kind, _, rest = limit.partition(":")
    if kind == "cap":
        return f"{_PERIODS[rest]} cap"
    if kind == "pool":
        team, _, period = rest.partition(":")
        return f"{_PERIODS[period]} cap on the {_pool(int(team), teams)}"
    return _BLOCKS.get(limit, limit)


def shut_sentence(meter: str) -> str:
    """Return what somebody is told whose cap is zero."""
    return f"Your {limit_label(meter)} is 0, so you can't spend from your wallet or pools. Ask an admin to raise it."


def limit_sentence(kind: str, body: Mapping[str, Any], *, moment: Callable[[datetime], str] | None = None) -> str:
    """Return the sentence of a notice: a threshold that was reached (S5), or usage that nothing covered (S2).

    ``moment`` writes a time where it should not be in UTC.
    """
    if kind == "overage":
        amount = Credits.parse(body["amount"]).shown()
        return f"{amount} cr of your usage wasn't covered. It will be deducted from your next grant."
    label, limit = limit_label(body["meter"]), Credits.parse(body["limit"]).shown()
    when = (moment or _in_utc)(datetime.fromisoformat(body["resets_at"]))
    if body["percent"] >= _ALL:
        return f"Your {label} of {limit} cr is used up until {when}."
    used = Credits.parse(body["used"]).shown()
    return f"You have used {body['percent']} % of your {label}: {used} of {limit} cr until {when}."


def _in_utc(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b, %H:%M} UTC"


def _pool(team: int, teams: Mapping[int, str] | None) -> str:
    name = (teams or {}).get(team)
    return "team's pool" if name is None else f"pool of {name}"
