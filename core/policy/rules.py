"""The rules of giving, in one list: each checks a gift, and says what a giver may still give under it.

What is enforced, what a preview says and what people see as left today come from this list. A rule that is switched off
says None to both.
"""

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


class GiverContext(NamedTuple):
    """What the rules may know of somebody who may give, before there is a gift."""

    is_verified: bool
    given: DailyGiving
    policy: Policy


class Rule(NamedTuple):
    """One rule. ``remaining`` is the most that one more gift to somebody new may be; None is no limit."""

    name: str
    check: Callable[[GiftContext], Finding | None]
    remaining: Callable[[GiverContext], Credits | None]


def _verified_sender(facts: GiftContext) -> Finding | None:
    if not facts.policy.require_verified:
        return None
    return _NOT_VERIFIED if facts.sender.verified_at is None else _VERIFIED


def _credits_per_gift(facts: GiftContext) -> Finding | None:
    limit = facts.policy.credits_per_gift
    if limit is None:
        return None
    return _amount_finding("credits_per_gift", facts.amount, limit, limit, f"A gift can be at most {limit.shown()} cr.")


def _credits_per_day(facts: GiftContext) -> Finding | None:
    limit = facts.policy.credits_per_day
    if limit is None:
        return None
    left = max(limit - facts.given.amount, ZERO)
    sentence = f"You can give at most {limit.shown()} cr in 24 hours; {left.shown()} cr are left."
    return _amount_finding("credits_per_day", facts.given.amount + facts.amount, limit, left, sentence)


def _gifts_per_day(facts: GiftContext) -> Finding | None:
    limit = facts.policy.gifts_per_day
    if limit is None:
        return None
    return _count_finding(
        "gifts_per_day", facts.given.gifts + 1, limit, f"You can send at most {limit} gifts in 24 hours."
    )


def _gifts_per_pair_and_day(facts: GiftContext) -> Finding | None:
    limit = facts.policy.gifts_per_pair_and_day
    if limit is None:
        return None
    number = facts.given.per_recipient.get(facts.recipient_account, 0) + 1
    sentence = f"You can send the same person at most {limit} gifts in 24 hours."
    return _count_finding("gifts_per_pair_and_day", number, limit, sentence)


def _of_identity(outcome: Verdict, value: str) -> Finding:
    sentence = "Only verified members can give: full Slack members with a confirmed email address. Ask an admin."
    return Finding("verified_sender", outcome, value, "verified", None, sentence, Code.NOT_VERIFIED)


_VERIFIED: Final = _of_identity(Verdict.APPROVE, "verified")
_NOT_VERIFIED: Final = _of_identity(Verdict.REFUSE, "not verified")


def _left_unless_unverified(giver: GiverContext) -> Credits | None:
    return ZERO if giver.policy.require_verified and not giver.is_verified else None


def _left_for_one_gift(giver: GiverContext) -> Credits | None:
    return giver.policy.credits_per_gift


def _left_of_the_credits_a_day(giver: GiverContext) -> Credits | None:
    limit = giver.policy.credits_per_day
    return None if limit is None else max(limit - giver.given.amount, ZERO)


def _left_of_the_gifts_a_day(giver: GiverContext) -> Credits | None:
    limit = giver.policy.gifts_per_day
    return ZERO if limit is not None and giver.given.gifts >= limit else None


def _no_limit(_giver: GiverContext) -> None:
    """A limit for each pair leaves every other recipient."""


RULES: Final[tuple[Rule, ...]] = (
    Rule("verified_sender", _verified_sender, _left_unless_unverified),
    Rule("credits_per_gift", _credits_per_gift, _left_for_one_gift),
    Rule("credits_per_day", _credits_per_day, _left_of_the_credits_a_day),
    Rule("gifts_per_day", _gifts_per_day, _left_of_the_gifts_a_day),
    Rule("gifts_per_pair_and_day", _gifts_per_pair_and_day, _no_limit),
)


def _amount_finding(rule: str, value: Credits, limit: Credits, headroom: Credits, sentence: str) -> Finding:
    outcome = Verdict.APPROVE if value <= limit else Verdict.REFUSE
    return Finding(rule, outcome, str(value), str(limit), str(headroom), sentence)


def _count_finding(rule: str, number: int, limit: int, sentence: str) -> Finding:
    """``number`` counts this gift; the headroom is what is left before it, as for amounts."""
    outcome = Verdict.APPROVE if number <= limit else Verdict.REFUSE
    return Finding(rule, outcome, str(number), str(limit), str(max(limit - number + 1, 0)), sentence)
