"""The reset sweep carries out reset orders by itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from core.jobs import JobRunner
from core.services.allowances import resets
from core.services.wallet import balances
from tests.support.sample_org import SampleOrg, either_org
from tests.support.waiting import eventually

__all__ = ["either_org"]


async def test_an_order_for_everybody_is_carried_out_and_counted(either_org: SampleOrg) -> None:
    """S8: each member by a command of their own."""
    org, registry = either_org, CollectorRegistry()
    ordered = await resets.order(org.ledger, actor=org.ada.actor, key="o", subject=org.id, banked=True)
    runner = JobRunner(org.ledger, registry=registry)
    runner.start()
    try:
        await eventually(lambda: registry.get_sample_value("teamcredits_swept_total", {"sweep": "reset_sweep"}) == 3)
    finally:
        await runner.stop()
    order = await resets.get_order(org.ledger, actor=org.ada.actor, order_id=ordered.item.id)
    balance = await balances.balance(org.ledger, actor=org.bo.actor)

    assert (order.done, order.finished_at) == (3, org.clock())
    assert balance.resets_banked.count == 1
