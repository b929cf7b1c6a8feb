"""The reset sweep carries out reset orders by itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from core.jobs import JobRunner
from core.services import balances, resets
from tests.support.house import House, either_house
from tests.support.waiting import eventually

__all__ = ["either_house"]


async def test_an_order_for_everybody_is_carried_out_and_counted(either_house: House) -> None:
    """S8: each member by a command of their own."""
    house, registry = either_house, CollectorRegistry()
    ordered = await resets.order(house.ledger, actor=house.ada.actor, key="o", subject=house.org, banked=True)
    runner = JobRunner(house.ledger, registry=registry)
    runner.start()
    try:
        await eventually(lambda: registry.get_sample_value("teamcredits_swept_total", {"sweep": "reset_sweep"}) == 3)
    finally:
        await runner.stop()
    order = await resets.get_order(house.ledger, actor=house.ada.actor, order_id=ordered.item.id)
    balance = await balances.balance(house.ledger, actor=house.bo.actor)

    assert (order.done, order.finished_at) == (3, house.clock())
    assert balance.resets_banked.count == 1
