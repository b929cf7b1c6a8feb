"""The decision: the worst finding of all rules, with every finding kept."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Refused
from core.policy.rules import RULES, Finding, GiftContext, GiverContext, Verdict

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
    findings = tuple([finding for rule in RULES if (finding := rule.check(facts)) is not None])
    worst = Verdict.APPROVE
    for finding in findings:
        if finding.outcome is not Verdict.APPROVE:
            worst = max(worst, finding.outcome, key=_SEVERITY.__getitem__)
    return PolicyDecision(worst, findings)


class GiftLimit(NamedTuple):
    """The most that one more gift may be, and the rule that says so."""

    amount: Credits
    rule: str


def gift_limit(giver: GiverContext) -> GiftLimit | None:
    """Return the least that a rule leaves for one more gift; None is unlimited.

    Of equals a limit of the day is named before that of one gift, and what forbids giving at all before both.
    """
    least: GiftLimit | None = None
    for rule in RULES:
        left = rule.remaining(giver)
        if left is not None and (least is None or left < least.amount or left == least.amount > ZERO):
            least = GiftLimit(left, rule.name)
    return least


def finding_body(finding: Finding) -> dict[str, Any]:
    """Return a finding as programs see it."""
    return {
        "rule": finding.rule,
        "outcome": finding.outcome._value_,
        "limit": finding.limit,
        "value": finding.value,
        "headroom": finding.headroom,
    }
