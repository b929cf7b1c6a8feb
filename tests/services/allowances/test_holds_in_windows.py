"""Holds and the windows they reserve, on both databases: adjusted, given back, reset (S6, S8).

Verify finds nothing wrong after any of it (the fixtures ask it).
"""

from __future__ import annotations

import json
from datetime import timedelta

from core.ledger.accounts import pool_of
from core.ledger.credits import Credits
from core.metering.caps import Period
from core.services.allowances.reset_commands import ResetMember
from core.services.usage import hold_sweep
from tests.support.gateway import HOUR, Gateway, bo, number_of

__all__ = ["bo"]

INSTANT = timedelta(microseconds=1)


async def test_what_a_plan_includes_is_reserved_adjusted_and_given_back(bo: Gateway) -> None:
    """S6: in every window of the plan and every cap, and only what each of them counts."""
    await bo.plan(five_hours="30", weekly="50")
    await bo.cap("100")
    await bo.cap("60", Period.MONTH, pool=bo.org.team)
    await bo.grant("10")
    await bo.grant("90", to=pool_of(bo.team))
    hold = await bo.authorize("75")
    assert hold.allowance == Credits.of(30)
    assert await bo.windows() == {"5h": "30", "weekly": "30", "cap:day": "45", "pool:team:month": "35"}

    await bo.capture(hold, "42")
    assert await bo.windows() == {"5h": "30", "weekly": "30", "cap:day": "12", "pool:team:month": "2"}
    other = await bo.authorize("20")
    await bo.release(other)
    assert await bo.windows() == {"5h": "30", "weekly": "30", "cap:day": "12", "pool:team:month": "2"}
    assert (await bo.shown())["spendable"] == "58"


async def test_a_capture_of_less_than_the_plan_includes_frees_every_lot(bo: Gateway) -> None:
    await bo.plan(five_hours="30")
    await bo.grant("10")
    hold = await bo.authorize("40")
    await bo.capture(hold, "12.5")

    assert await bo.windows() == {"5h": "12.5"}
    assert await bo.shown() == {"spendable": "27.5", "available": "10", "pool": "0", "held_usage": "0"}
    assert await bo.rows("SELECT amount, allowance, overage FROM usage_event") == [(12_500_000, 12_500_000, None)]


async def test_the_window_of_the_authorization_is_adjusted_and_what_exceeds_it_counts_where_it_is_used(
    bo: Gateway,
) -> None:
    """S6: a closed window is not touched any more, and the next one knows nothing of what was freed."""
    await bo.plan(five_hours="30", weekly="80")
    hold = await bo.authorize("30", lasts=9 * HOUR)
    bo.org.clock.advance(6 * HOUR)
    more = await bo.authorize("10", lasts=9 * HOUR)
    assert (await bo.shown())["spendable"] == "20"

    await bo.capture(hold, "5")
    assert (await bo.shown())["spendable"] == "20"
    assert await bo.rows("SELECT used FROM usage_window WHERE meter = '5h' ORDER BY opens_at") == [
        (30_000_000,),
        (10_000_000,),
    ]
    assert await bo.windows() == {"5h": "40", "weekly": "15"}
    await bo.capture(more, "25")
    assert await bo.windows() == {"5h": "55", "weekly": "30"}


async def test_a_reset_in_between_gives_back_nothing_twice(bo: Gateway) -> None:
    """S6, S8: what was reserved before a reset is no part of the window any more."""
    await bo.plan(five_hours="30", weekly="80")
    hold = await bo.authorize("25")
    bo.org.clock.advance(INSTANT)
    admin = number_of(bo.org.ada)
    await bo.org.ledger.execute(ResetMember(bo.org_id, admin, "reset", bo.bo, False, None, None))
    bo.org.clock.advance(INSTANT)
    other = await bo.authorize("20")
    assert await bo.windows() == {"5h": "20", "weekly": "20"}

    await bo.capture(hold, "5")
    assert await bo.windows() == {"5h": "20", "weekly": "20"}
    await bo.release(other)
    assert await bo.windows() == {"5h": "0", "weekly": "0"}


async def test_a_threshold_is_told_once_a_window(bo: Gateway) -> None:
    """S5: at 75, 90 and 100 percent, remembered by the ledger; also when usage falls and rises again."""
    await bo.plan(five_hours="100")
    for amount, told in (("74", 0), ("1", 1), ("14", 1)):
        await bo.charge(amount)
        assert len(await bo.told("threshold")) == told
    hold = await bo.authorize("11")
    await bo.capture(hold, "11")
    assert len(await bo.told("threshold")) == 2  # past 90 and 100 at once: the higher one
    await bo.charge("11")
    assert len(await bo.told("threshold")) == 2

    bo.org.clock.advance(5 * HOUR)
    await bo.charge("80")
    assert len(await bo.told("threshold")) == 3


async def percents(bo: Gateway) -> list[tuple[str, int, str]]:
    """Return what Bo was told of: the meter, the percent, and how much was used."""
    told = [each if isinstance(each, dict) else json.loads(each) for each in await bo.told("threshold")]
    return [(each["meter"], each["percent"], each["used"]) for each in told]


async def test_what_is_reserved_and_freed_again_reaches_no_threshold(bo: Gateway) -> None:
    """S5: thresholds go by what was captured or charged; the notice comes when it is really used up, and once."""
    await bo.plan(five_hours="10")
    for closes in (bo.release, lambda hold: bo.capture(hold, "0")):
        await closes(await bo.authorize("10"))
        assert await percents(bo) == []

    await bo.capture(await bo.authorize("10"), "8")
    assert await percents(bo) == [("5h", 75, "8")]
    await bo.capture(await bo.authorize("2"), "2")
    assert await percents(bo) == [("5h", 75, "8"), ("5h", 100, "10")]


async def test_a_cap_is_told_of_by_what_was_taken_and_not_by_what_is_set_aside(bo: Gateway) -> None:
    await bo.grant("40")
    await bo.grant("40", to=pool_of(bo.team))
    await bo.cap("60")
    await bo.cap("20", pool=bo.org.team)
    await bo.release(await bo.authorize("60"))
    assert await percents(bo) == []

    hold = await bo.authorize("60")
    await bo.capture(hold, "55")
    assert await percents(bo) == [("cap:day", 90, "55"), ("pool:" + str(bo.team) + ":day", 75, "15")]


async def test_what_other_holds_reserve_counts_towards_no_threshold(bo: Gateway) -> None:
    """S5: nor does what a charge or capture beside them uses bring them in; each is told of when it is captured."""
    await bo.plan(five_hours="100")
    first, second = await bo.authorize("60"), await bo.authorize("20")
    await bo.charge("10")
    assert await percents(bo) == []
    await bo.capture(second, "30")
    assert await percents(bo) == []
    await bo.capture(first, "60")
    assert await percents(bo) == [("5h", 100, "100")]


async def test_a_hold_that_timed_out_is_told_of_by_its_late_capture_alone(bo: Gateway) -> None:
    await bo.plan(weekly="10")
    hold = await bo.authorize("10")
    bo.org.clock.advance(2 * HOUR)
    await hold_sweep.free_due_holds(bo.org.ledger)
    assert await percents(bo) == []
    await bo.capture(hold, "9.5")
    assert await percents(bo) == [("weekly", 90, "9.5")]


async def test_what_was_reserved_before_a_reset_is_neither_used_nor_reserved_after_it(bo: Gateway) -> None:
    """S8: so what is used after it is told of by itself."""
    await bo.plan(five_hours="100")
    hold = await bo.authorize("90")
    bo.org.clock.advance(INSTANT)
    await bo.org.ledger.execute(ResetMember(bo.org_id, number_of(bo.org.ada), "reset", bo.bo, False, None, None))
    bo.org.clock.advance(INSTANT)
    await bo.charge("70")
    await bo.capture(hold, "90")
    assert await percents(bo) == []
    await bo.charge("10")
    assert await percents(bo) == [("5h", 75, "80")]
