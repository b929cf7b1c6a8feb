"""Each rule of giving: what it checks, and what it leaves (section 7 of the design)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ledger.accounts import wallet_of
from core.ledger.credits import ZERO, Credits
from core.ledger.daily_giving import DailyGiving
from core.ledger.errors import Code
from core.ledger.members import Member
from core.policy.decide import decide, gift_limit
from core.policy.limits import Policy
from core.policy.rules import RULES, Finding, GiftContext, GiverContext, Verdict

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
BO, CY = wallet_of(2), wallet_of(3)
OFF = Policy(
    require_verified=False, credits_per_gift=None, credits_per_day=None, gifts_per_day=None, gifts_per_pair_and_day=None
)
GIVEN = DailyGiving(2, Credits.of(30), {BO: 2})


def al(*, verified: bool) -> Member:
    return Member(1, 1, "Al", "person", "member", NOW if verified else None, NOW, None, None)


def checked(rule: str, policy: Policy, amount: str = "10", to: int = BO, *, verified: bool = True) -> Finding | None:
    found = next(each for each in RULES if each.name == rule)
    return found.check(GiftContext(al(verified=verified), to, Credits.parse(amount), GIVEN, policy, NOW))


def remaining(rule: str, policy: Policy, *, verified: bool = True) -> Credits | None:
    return next(each for each in RULES if each.name == rule).remaining(GiverContext(verified, GIVEN, policy))


def said(finding: Finding | None) -> tuple[Verdict, str | None, str | None, str | None]:
    assert finding is not None
    return finding.outcome, finding.value, finding.limit, finding.headroom


@pytest.mark.parametrize("rule", [each.name for each in RULES])
def test_a_rule_that_is_switched_off_finds_nothing_and_limits_nothing(rule: str) -> None:
    assert checked(rule, OFF, "1000000", verified=False) is None
    assert remaining(rule, OFF, verified=False) is None


def test_only_verified_members_give() -> None:
    policy = Policy()
    refused = checked("verified_sender", policy, verified=False)

    assert said(checked("verified_sender", policy))[0] is Verdict.APPROVE
    assert refused is not None
    assert (refused.outcome, refused.code) == (Verdict.REFUSE, Code.NOT_VERIFIED)
    assert remaining("verified_sender", policy) is None
    assert remaining("verified_sender", policy, verified=False) == ZERO


def test_one_gift_is_at_most_the_limit_of_a_gift() -> None:
    policy = Policy(credits_per_gift=Credits.of(10))

    assert said(checked("credits_per_gift", policy, "10")) == (Verdict.APPROVE, "10", "10", "10")
    assert said(checked("credits_per_gift", policy, "10.000001")) == (Verdict.REFUSE, "10.000001", "10", "10")
    assert remaining("credits_per_gift", policy) == Credits.of(10)


def test_the_gifts_of_a_day_are_at_most_the_limit_of_the_day() -> None:
    """The headroom is what is left before this gift."""
    policy = Policy(credits_per_day=Credits.of(40))

    assert said(checked("credits_per_day", policy, "10")) == (Verdict.APPROVE, "40", "40", "10")
    assert said(checked("credits_per_day", policy, "10.000001")) == (Verdict.REFUSE, "40.000001", "40", "10")
    assert remaining("credits_per_day", policy) == Credits.of(10)
    assert remaining("credits_per_day", Policy(credits_per_day=Credits.of(29))) == ZERO


@pytest.mark.parametrize(
    ("limit", "outcome", "headroom", "left"),
    [(3, Verdict.APPROVE, "1", None), (2, Verdict.REFUSE, "0", ZERO), (1, Verdict.REFUSE, "0", ZERO)],
)
def test_the_number_of_gifts_a_day_counts_this_one(
    limit: int, outcome: Verdict, headroom: str, left: Credits | None
) -> None:
    """Two were made: a third fits under a limit of three, with room for one before it."""
    policy = Policy(gifts_per_day=limit)

    assert said(checked("gifts_per_day", policy)) == (outcome, "3", str(limit), headroom)
    assert remaining("gifts_per_day", policy) == left


def test_the_number_of_gifts_to_one_person_limits_nobody_else() -> None:
    policy = Policy(gifts_per_pair_and_day=2)

    assert said(checked("gifts_per_pair_and_day", policy, to=BO)) == (Verdict.REFUSE, "3", "2", "0")
    assert said(checked("gifts_per_pair_and_day", policy, to=CY)) == (Verdict.APPROVE, "1", "2", "2")
    assert remaining("gifts_per_pair_and_day", policy) is None


def test_the_limit_that_leaves_least_is_named() -> None:
    giver = GiverContext(is_verified=True, given=GIVEN, policy=Policy())
    late = giver._replace(given=DailyGiving(2, Credits.of(700)))
    level = giver._replace(given=DailyGiving(2, Credits.of(500)))
    used_up = giver._replace(policy=Policy(gifts_per_day=2))

    assert gift_limit(giver) == (Credits.of(500), "credits_per_gift")
    assert gift_limit(late) == (Credits.of(300), "credits_per_day")
    assert gift_limit(level) == (Credits.of(500), "credits_per_day")
    assert gift_limit(used_up) == (ZERO, "gifts_per_day")
    assert gift_limit(giver._replace(is_verified=False)) == (ZERO, "verified_sender")
    assert gift_limit(giver._replace(policy=OFF)) is None


amounts = st.integers(1, 2_000_000_000).map(Credits)
policies = st.builds(
    Policy,
    require_verified=st.booleans(),
    credits_per_gift=st.none() | amounts,
    credits_per_day=st.none() | amounts,
    gifts_per_day=st.none() | st.integers(0, 4),
    gifts_per_pair_and_day=st.none() | st.integers(1, 2),
)
givings = st.builds(DailyGiving, st.integers(0, 4), st.integers(0, 2_000_000_000).map(Credits), st.just({BO: 1}))


@given(policies, givings, st.booleans())
def test_what_is_left_can_be_given_to_somebody_new_and_no_micro_credit_more(
    policy: Policy, giving: DailyGiving, verified: bool
) -> None:
    """What people see as left, and what is enforced, come from the same list of rules."""
    sender, limit = al(verified=verified), gift_limit(GiverContext(verified, giving, policy))

    def allowed(amount: Credits) -> bool:
        return decide(GiftContext(sender, CY, amount, giving, policy, NOW)).outcome is not Verdict.REFUSE

    if limit is None:
        assert allowed(Credits.of(1_000_000))
    else:
        assert limit.amount <= ZERO or allowed(limit.amount)
        assert not allowed(limit.amount + Credits(1))
