"""Deadlines of holds, on both databases: freed in time, captured late, charged although lapsed (S2, L5).

Verify finds nothing wrong after any of it (the fixtures ask it).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from core.ledger.credits import Credits
from core.ledger.errors import Code
from core.metering.holds import HoldState
from core.services.grants import expiry
from core.services.usage import hold_sweep
from core.services.usage.hold_commands import HoldTimeout
from tests.support.gateway import HOUR, Gateway, bo, refusal

__all__ = ["bo"]

INSTANT = timedelta(microseconds=1)


async def test_at_its_deadline_a_hold_is_freed_and_not_before(bo: Gateway) -> None:
    """S2: by the sweep, once, however often and late it runs."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    bo.org.clock.advance(HOUR - INSTANT)
    early = await hold_sweep.free_due_holds(bo.org.ledger)
    not_due = await refusal(bo.org.ledger.execute(HoldTimeout(bo.org_id, hold.hold_id)))
    bo.org.clock.advance(INSTANT)
    results = await asyncio.gather(*[hold_sweep.free_due_holds(bo.org.ledger) for _ in range(3)])

    assert (early.done, not_due.code) == (0, Code.HOLD_CLOSED)
    assert sum(swept.done for swept in results) == 1
    assert (await bo.hold(hold)).state is HoldState.EXPIRED
    assert (await bo.shown())["spendable"] == "100"
    assert (await refusal(bo.release(hold))).fields["state"] == "expired"


@pytest.mark.parametrize("swept", [True, False], ids=["after the sweep", "before the sweep"])
@pytest.mark.parametrize(("left", "owed"), [("100", "0"), ("10", "20"), ("0", "30")])
async def test_a_late_capture_charges_what_is_available_and_the_rest_is_owed(
    bo: Gateway, left: str, owed: str, *, swept: bool
) -> None:
    """S2: it is accepted and marked late, whether or not the sweep has run."""
    await bo.grant("100")
    hold = await bo.authorize("40")
    bo.org.clock.advance(HOUR)
    if swept:
        await hold_sweep.free_due_holds(bo.org.ledger)
    elif left != "100":
        await bo.org.ledger.execute(HoldTimeout(bo.org_id, hold.hold_id))
    if left != "100":
        await bo.charge(str(Credits.of(100) - Credits.parse(left)))
    captured = await bo.capture(hold, "30")

    assert (captured.is_late, str(captured.charged), str(captured.overage)) == (True, "30", owed)
    assert await bo.hold(hold) == replace(captured, closed_at=hold.closed_at)
    assert await bo.owed() == owed


async def test_a_lot_that_lapses_while_it_is_held_can_be_charged_until_the_deadline(bo: Gateway) -> None:
    """L5: the one exception; what is freed after that lapses at once."""
    await bo.grant("100", lasts=HOUR)
    kept, captured = await bo.authorize("40", lasts=2 * HOUR), await bo.authorize("30", lasts=2 * HOUR)
    bo.org.clock.advance(2 * HOUR - INSTANT)
    await expiry.expire_due(bo.org.ledger)
    assert (await bo.lapsed(), (await bo.shown())["spendable"]) == ("30", "0")

    await bo.capture(captured, "20")
    assert (await bo.consumed(), await bo.lapsed()) == ("20", "40")
    await bo.release(kept)
    assert (await bo.lapsed(), await bo.owed()) == ("80", "0")


async def test_a_late_capture_of_what_has_lapsed_is_owed(bo: Gateway) -> None:
    """L5, S2."""
    await bo.grant("100", lasts=HOUR)
    hold = await bo.authorize("40", lasts=HOUR)
    bo.org.clock.advance(HOUR)
    captured = await bo.capture(hold, "30")

    assert (captured.is_late, str(captured.overage), await bo.lapsed()) == (True, "30", "40")
