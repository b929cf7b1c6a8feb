"""The rules: each a pure function from facts to a finding, or to None when it is switched off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from core.ledger.credits import ZERO, Credits
from core.ledger.daily_giving import DailyGiving
from core.ledger.errors import Code
from core.ledger.members import Member
from core.policy.limits import Policy


class Verdict(StrEnum):
    """What a rule, or all of them, makes of a gift."""

    __hash__ = str.__hash__  # an enum's own is written in Python

    APPROVE = "approve"  # nothing against it
    REVIEW = "review"  # somebody should look first
    REFUSE = "refuse"  # not like this


class Finding(NamedTuple):
    """One rule as it was tested: the value, the limit and what is left; amounts in their exact form."""

    rule: str
    outcome: Verdict
    value: str | None
    limit: str | None
    headroom: str | None
    sentence: str
    code: Code = Code.POLICY_REFUSED


class GiftContext(NamedTuple):
    """What the rules may know of a gift that is about to be made, read under the locks of both sides."""

    sender: Member
    recipient_account: int
    amount: Credits
    given: DailyGiving
    policy: Policy
    now: datetime


Rule = Callable[[GiftContext], Finding | None]


def verified_sender(facts: GiftContext) -> Finding | None:
    if not facts.policy.require_verified:
        return None
    return _NOT_VERIFIED if facts.sender.verified_at is None else _VERIFIED


def credits_per_gift(facts: GiftContext) -> Finding | None:
    limit = facts.policy.credits_per_gift
    if limit is None:
        return None
    return _amount_finding(
        "credits_per_gift", facts.amount, limit, limit, f"One gift may be at most {limit.shown()} cr."
    )


def credits_per_day(facts: GiftContext) -> Finding | None:
    limit = facts.policy.credits_per_day
    if limit is None:
        return None
    left = max(limit - facts.given.amount, ZERO)
    sentence = f"At most {limit.shown()} cr a day can be given; {left.shown()} cr are left today."
    return _amount_finding("credits_per_day", facts.given.amount + facts.amount, limit, left, sentence)


def gifts_per_day(facts: GiftContext) -> Finding | None:
    limit = facts.policy.gifts_per_day
    if limit is None:
        return None
    return _count_finding("gifts_per_day", facts.given.gifts + 1, limit, f"At most {limit} gifts a day are possible.")


def gifts_per_pair_and_day(facts: GiftContext) -> Finding | None:
    limit = facts.policy.gifts_per_pair_and_day
    if limit is None:
        return None
    number = facts.given.per_recipient.get(facts.recipient_account, 0) + 1
    sentence = f"At most {limit} gifts a day to the same person are possible."
    return _count_finding("gifts_per_pair_and_day", number, limit, sentence)


def _of_identity(outcome: Verdict, value: str) -> Finding:
    sentence = "Giving needs a verified identity: a full Slack member with a confirmed e-mail. Ask an admin."
    return Finding("verified_sender", outcome, value, "verified", None, sentence, Code.NOT_VERIFIED)


_VERIFIED: Final = _of_identity(Verdict.APPROVE, "verified")
_NOT_VERIFIED: Final = _of_identity(Verdict.REFUSE, "not verified")

RULES: Final[tuple[Rule, ...]] = (
    verified_sender,
    credits_per_gift,
    credits_per_day,
    gifts_per_day,
    gifts_per_pair_and_day,
)


def _amount_finding(rule: str, value: Credits, limit: Credits, headroom: Credits, sentence: str) -> Finding:
    outcome = Verdict.APPROVE if value <= limit else Verdict.REFUSE
    return Finding(rule, outcome, str(value), str(limit), str(headroom), sentence)


def _count_finding(rule: str, number: int, limit: int, sentence: str) -> Finding:
    outcome = Verdict.APPROVE if number <= limit else Verdict.REFUSE
    return Finding(rule, outcome, str(number), str(limit), str(max(limit - number + 1, 0)), sentence)
