"""Rescue: what lapses soonest goes to whom the least is left, within every rule of giving."""

from __future__ import annotations

from dataclasses import replace

from core.ledger.accounts import wallet_of
from core.ledger.credits import Credits
from core.ledger.daily_giving import DailyGiving
from core.policy.limits import Policy
from core.policy.rescue import Donor, NearlyEmpty, Proposal, is_near_empty, rescue_candidates
from tests.support.lots import DAY, INSTANT, NOW, a_lot, a_position

POLICY = Policy()
RED, BLUE = frozenset({1}), frozenset({2})


def a_saver(member_id: int = 11, *amounts: tuple[str, int], teams: frozenset[int] = RED) -> Donor:
    """Return somebody who holds amounts that lapse in so many days each."""
    lots = amounts or (("100", 5),)
    parts = (a_position(amount, a_lot(expires_at=NOW + days * DAY)) for amount, days in lots)
    return Donor(member_id, teams, tuple(parts))


def a_starved(member_id: int = 21, *, left: str = "0", week: str = "80", teams: frozenset[int] = RED) -> NearlyEmpty:
    return NearlyEmpty(member_id, teams, Credits.parse(left), Credits.parse(week))


def shown(found: tuple[Proposal, ...]) -> list[tuple[int, int, str]]:
    return [(each.giver, each.receiver, str(each.amount)) for each in found]


def test_what_lapses_soonest_goes_to_whom_the_least_is_left() -> None:
    donors = [a_saver(11, ("100", 6)), a_saver(12, ("30", 4))]
    nearly_empty = [a_starved(21, left="5", week="80"), a_starved(22, left="1", week="41")]
    found = rescue_candidates(donors, nearly_empty, POLICY, NOW)

    assert shown(found) == [(12, 22, "30"), (11, 22, "10"), (11, 21, "75")]
    assert [each.expires_at for each in found] == [NOW + 4 * DAY, NOW + 6 * DAY, NOW + 6 * DAY]


def test_it_can_be_given_until_it_would_no_longer_be_of_use() -> None:
    """G3: settlement and the least time of use must fit before the lot's own expiry, which stays."""
    [found] = rescue_candidates([a_saver()], [a_starved()], POLICY, NOW)

    assert found.give_until == NOW + 5 * DAY - POLICY.settlement - POLICY.min_use
    assert [part.lot.expires_at for part in found.slices] == [NOW + 5 * DAY]


def test_what_lapses_too_soon_too_late_or_never_is_left_alone() -> None:
    edge = NOW + POLICY.settlement + POLICY.min_use
    lots = [
        a_lot(expires_at=edge),
        a_lot(expires_at=edge + INSTANT),
        a_lot(expires_at=NOW + 7 * DAY),
        a_lot(expires_at=NOW + 7 * DAY + INSTANT),
        a_lot(expires_at=None),
        a_lot(expires_at=NOW + 5 * DAY, giftable=False),
    ]
    donor = Donor(11, RED, tuple(a_position("10", lot) for lot in lots))
    [found] = rescue_candidates([donor], [a_starved()], POLICY, NOW)

    assert [part.lot.lot_id for part in found.slices] == [lots[1].lot_id, lots[2].lot_id]
    assert str(found.amount) == "20"


def test_only_teammates_are_matched_and_nobody_near_empty_gives() -> None:
    assert rescue_candidates([a_saver(teams=BLUE)], [a_starved()], POLICY, NOW) == ()
    assert rescue_candidates([a_saver(21), a_saver(22)], [a_starved(21), a_starved(22)], POLICY, NOW) == ()


def test_the_rules_of_giving_bound_what_is_proposed() -> None:
    rich = a_saver(11, ("5000", 5))
    hungry = [a_starved(number, week="400") for number in (21, 22, 23, 24)]
    fresh = rescue_candidates([rich], hungry, POLICY, NOW)
    tired = replace(rich, given=DailyGiving(4, Credits.of(10)))
    paired = replace(rich, given=DailyGiving(2, Credits.of(10), {wallet_of(21): 2}))
    free = Policy(credits_per_gift=None, credits_per_day=None, gifts_per_day=None, gifts_per_pair_and_day=None)

    assert shown(fresh) == [(11, 21, "400"), (11, 22, "400"), (11, 23, "200")]
    assert shown(rescue_candidates([tired], hungry, POLICY, NOW)) == [(11, 21, "400")]
    assert shown(rescue_candidates([paired], hungry[:2], POLICY, NOW)) == [(11, 22, "400")]
    assert [amount for *_, amount in shown(rescue_candidates([rich], hungry, free, NOW))] == ["400"] * 4


def test_less_than_a_credit_is_worth_nobodys_click() -> None:
    assert rescue_candidates([a_saver(11, ("0.999999", 5))], [a_starved()], POLICY, NOW) == ()


def test_it_is_bounded_and_the_same_whatever_the_order_it_was_read_in() -> None:
    donors = [a_saver(number, ("100", 5)) for number in range(11, 41)]
    nearly_empty = [a_starved(number) for number in range(41, 91)]
    found = rescue_candidates(donors, nearly_empty, POLICY, NOW)

    assert len(found) == 20
    assert found == rescue_candidates(donors[::-1], nearly_empty[::-1], POLICY, NOW)
    assert rescue_candidates(donors, nearly_empty, POLICY, NOW, most=3) == found[:3]


def test_each_proposal_takes_what_the_one_before_left() -> None:
    donor = a_saver(11, ("50", 3), ("50", 5))
    found = rescue_candidates([donor], [a_starved(21, week="60"), a_starved(22, week="60")], POLICY, NOW)
    lots = [position.lot.lot_id for position in donor.positions]

    assert [[(part.lot.lot_id, str(part.amount)) for part in each.slices] for each in found] == [
        [(lots[0], "50"), (lots[1], "10")],
        [(lots[1], "40")],
    ]


def test_near_empty_is_less_than_a_tenth_of_what_one_had_or_of_what_a_week_takes() -> None:
    ten = Credits.of(10)

    assert not is_near_empty(ten, capacity=Credits.of(100), week=Credits.of(5))
    assert is_near_empty(ten - Credits(1), capacity=Credits.of(100), week=Credits.of(5))
    assert is_near_empty(ten, capacity=Credits.of(5), week=Credits.of(101))
    assert not is_near_empty(Credits(0), capacity=Credits(0), week=Credits(0))
