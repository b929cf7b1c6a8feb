"""Holds and the windows they reserve, on both databases: adjusted, given back, reset (S6, S8).

Verify finds nothing wrong after any of it (the fixtures ask it).
"""

from __future__ import annotations

from datetime import timedelta

from core.ledger.accounts import pool_of
from core.ledger.credits import Credits
from core.metering.caps import Period
from core.services.commands.resetting import ResetMember
from tests.support.gateway import HOUR, Gateway, bo, number_of

__all__ = ["bo"]

INSTANT = timedelta(microseconds=1)


async def test_what_a_plan_includes_is_reserved_adjusted_and_given_back(bo: Gateway) -> None:
    """S6: in every window of the plan and every cap, and only what each of them counts."""
    await bo.plan(five_hours="30", weekly="50")
    await bo.cap("100")
    await bo.cap("60", Period.MONTH, pool=bo.house.team)
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
    bo.house.clock.advance(6 * HOUR)
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
    bo.house.clock.advance(INSTANT)
    admin = number_of(bo.house.ada)
    await bo.house.ledger.execute(ResetMember(bo.org, admin, "reset", bo.bo, False, None, None))
    bo.house.clock.advance(INSTANT)
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
    assert len(await bo.told("threshold")) == 2  # past 90 and 100 at once: the higher one
    await bo.release(hold)
    await bo.charge("11")
    assert len(await bo.told("threshold")) == 2

    bo.house.clock.advance(5 * HOUR)
    await bo.charge("80")
    assert len(await bo.told("threshold")) == 3
