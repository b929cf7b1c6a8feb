"""The worker carries out orders of resets with nobody asking."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from core.services import balances, resets
from core.worker import Worker
from tests.support.house import House, either_house
from tests.support.waiting import eventually

__all__ = ["either_house"]


async def test_an_order_for_everybody_is_carried_out_and_counted(either_house: House) -> None:
    """S8: each member by a command of their own."""
    house, registry = either_house, CollectorRegistry()
    ordered = await resets.order(house.ledger, actor=house.ada.actor, key="o", subject=house.org, banked=True)
    worker = Worker(house.ledger, registry=registry)
    worker.start()
    try:
        await eventually(lambda: registry.get_sample_value("teamcredits_swept_total", {"sweep": "resetting"}) == 3)
    finally:
        await worker.stop()
    order = await resets.get_order(house.ledger, actor=house.ada.actor, order_id=ordered.item.id)
    balance = await balances.balance(house.ledger, actor=house.bo.actor)

    assert (order.done, order.finished_at) == (3, house.clock())
    assert balance.resets_banked.count == 1
