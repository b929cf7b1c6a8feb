"""The decision: the worst finding of all rules, with every finding kept."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from core.ledger.credits import ZERO, Credits
from core.ledger.daily_giving import DailyGiving
from core.ledger.errors import Refused
from core.policy.limits import Policy
from core.policy.rules import RULES, Finding, GiftContext, Verdict

_SEVERITY: Final = {Verdict.APPROVE: 0, Verdict.REVIEW: 1, Verdict.REFUSE: 2}


class PolicyDecision(NamedTuple):
    """What the policy makes of a gift."""

    outcome: Verdict
    findings: tuple[Finding, ...]

    def body(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"outcome": self.outcome._value_, "findings": [finding_body(each) for each in self.findings]}

    def raise_if_refused(self) -> None:
        """Raise Refused with the first refusing rule's code and sentence, and all findings as fields."""
        if self.outcome is not Verdict.REFUSE:
            return
        for finding in self.findings:
            if finding.outcome is Verdict.REFUSE:
                raise Refused(finding.code, finding.sentence, rule=finding.rule, findings=self.body()["findings"])


def decide(facts: GiftContext) -> PolicyDecision:
    """Test every rule that is switched on."""
    findings = tuple([finding for rule in RULES if (finding := rule(facts)) is not None])
    worst = Verdict.APPROVE
    for finding in findings:
        if finding.outcome is not Verdict.APPROVE:
            worst = max(worst, finding.outcome, key=_SEVERITY.__getitem__)
    return PolicyDecision(worst, findings)


def gift_limit_left(policy: Policy, given: DailyGiving, *, verified: bool) -> Credits | None:
    """Return the most that one more gift may be, as far as the policy goes; None is unlimited."""
    if policy.require_verified and not verified:
        return ZERO
    if policy.gifts_per_day is not None and given.gifts >= policy.gifts_per_day:
        return ZERO
    limits = []
    if policy.credits_per_gift is not None:
        limits.append(policy.credits_per_gift)
    if policy.credits_per_day is not None:
        limits.append(max(policy.credits_per_day - given.amount, ZERO))
    return min(limits, default=None)


def finding_body(finding: Finding) -> dict[str, Any]:
    """Return a finding as programs see it."""
    return {
        "rule": finding.rule,
        "outcome": finding.outcome._value_,
        "limit": finding.limit,
        "value": finding.value,
        "headroom": finding.headroom,
    }
