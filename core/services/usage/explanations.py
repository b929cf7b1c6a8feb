"""Why something can or cannot be spent: every limit tested, which one blocked, what would change the answer (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from core.ledger.accounts import AccountKind, kind_of, owner_of
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.ledger.ids import Prefix, shown_id
from core.metering.evaluate import (
    Payment,
    SpendingSnapshot,
    TraceStep,
    first_enough,
    forbidding_caps,
    missing_lots,
    spendable,
    trace,
)
from core.metering.spending import SpendingProfile
from core.services.allowances.messages import limit_label

_BLOCKED: Final = {
    Code.ACCOUNT_FROZEN: "This wallet is frozen. Ask an admin to unfreeze it.",
    Code.NOT_ALLOWED: "This person has left.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why": ``steps`` in the order of the payment; ``ask_for`` and ``wait_until`` would change it.

    ``forbidding`` are the meters of the caps that no credits would help against; only raising them would, or waiting.
    """

    amount: Credits
    spendable: Credits
    payment: Payment
    steps: tuple[TraceStep, ...]
    blocked: Code | None
    ask_for: Credits | None
    wait_until: datetime | None
    forbidding: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer in one sentence for a person."""
        if self.blocked:
            return _BLOCKED[self.blocked]
        cost = f"This needs {self.amount.shown()} cr and you can spend {self.spendable.shown()} cr."
        if not self.payment.short:
            return cost
        if self.forbidding:
            return f"{cost} {self.forbidden}"
        asked = None if self.ask_for is None else f"ask for {_up(self.ask_for)} more"
        ways = " or ".join(way for way in (asked, self._waiting) if way)
        return f"{cost} {ways[:1].upper()}{ways[1:]}." if ways else cost

    @property
    def forbidden(self) -> str:
        """What is said where caps forbid it: which do, and what would help in the place of credits."""
        caps = " and ".join(f"your {limit_label(meter)}" for meter in self.forbidding)
        forbids, them = ("forbids", "it") if len(self.forbidding) == 1 else ("forbid", "them")
        ways = " or ".join(way for way in (self._waiting, f"ask an admin to raise {them}") if way)
        return f"Y{caps[1:]} {forbids} it: more credits alone would not help. {ways[:1].upper()}{ways[1:]}."

    @property
    def _waiting(self) -> str | None:
        return None if self.wait_until is None else f"wait until {self.wait_until:%Y-%m-%d %H:%M} UTC"

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values, for programs."""
        return {
            "needed": str(self.amount),
            "spendable": str(self.spendable),
            "short": str(self.payment.short),
            "ask_for": None if self.ask_for is None else str(self.ask_for),
            "wait_until": _moment(self.wait_until),
            "trace": [step_facts(step) for step in self.steps],
        }


def explain(
    spender: SpendingProfile, facts: SpendingSnapshot, payment: Payment, amount: Credits, now: datetime
) -> Explanation:
    """Return why an amount can or cannot be paid now."""
    short = bool(payment.short) and facts.blocked is None
    later = ((moment, spender.at(moment)) for moment in spender.changes(now)) if short else ()
    return Explanation(
        amount,
        spendable(facts),
        payment,
        trace(facts, payment),
        facts.blocked,
        missing_lots(facts, payment),
        first_enough(later, amount),
        tuple(cap.meter for cap in forbidding_caps(facts, payment)),
    )


def refusal(
    spender: SpendingProfile, facts: SpendingSnapshot, payment: Payment, amount: Credits, now: datetime
) -> Refused:
    """Return the refusal of an authorization, with its trace."""
    why = explain(spender, facts, payment, amount, now)
    return Refused(facts.blocked or Code.INSUFFICIENT_CREDITS, why.sentence, **why.facts())


def step_facts(step: TraceStep) -> dict[str, Any]:
    """Return one step as JSON values; a headroom of None is unlimited."""
    return {
        "limit": limit_name(step.limit),
        "headroom": None if step.headroom is None else str(step.headroom),
        "blocks": step.blocks,
        "until": _moment(step.until),
    }


def limit_name(limit: str) -> str:
    """Return a limit's outside name: ``weekly``, ``cap:month``, ``wallet``, ``pool:team_…``, ``pool:team_…:month``."""
    if limit.isdecimal():
        account = int(limit)
        is_pool = kind_of(account) is AccountKind.POOL
        return f"pool:{shown_id(Prefix.TEAM, owner_of(account))}" if is_pool else "wallet"
    if limit.startswith("pool:"):
        _, team, period = limit.split(":")
        return f"pool:{shown_id(Prefix.TEAM, int(team))}:{period}"
    return limit


def _up(amount: Credits) -> str:
    """Return an amount that suffices in the two decimals that people type."""
    cents = -(-amount.micros // 10_000)
    return f"{Credits(cents * 10_000).shown()} cr"


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
