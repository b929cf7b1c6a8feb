"""The end of a month: everything heals and comes to its end, and an ordinary ledger finds nothing wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.ledger.commands import Receipt
from core.services.boosts import sweeps
from core.services.common.sweeps import SweepResult
from core.services.gifts import deliveries, settlement
from core.services.grants import expiry
from core.services.sharing import requests
from core.services.usage import hold_sweep
from core.services.wallet.verify import verify
from core.store.timestamps import to_micros
from core.wiring import open_ledger
from tests.simulation.stepped_journal import QUEUE_SIZE
from tests.support.builders import some_settings

if TYPE_CHECKING:
    from tests.simulation.month import Month

MANY = 50  # rounds of asking again
LONG = timedelta(days=90)  # after which everything is due, however far ahead the clock once was
_AN_HOUR = 3_600_000_000  # micro-seconds by which a server's clock may be late
PATIENCE = 20_000  # turns after which something must have come to an end

SWEEPS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "settling": settlement.settle_due,
    "freeing": hold_sweep.free_due_holds,
    "lapsing": expiry.expire_due,
    "delivering": deliveries.deliver_due,
    "returning": settlement.return_stranded,
    "lapsing requests": requests.expire_due_requests,
    "boosting": sweeps.boosts_due,
    "withdrawing": sweeps.withdraw_leavers,
}


async def come_to_an_end(month: Month) -> None:
    """Everything heals: doubts are cleared, what is due is done, nothing is on its way any more."""
    for server in month.servers:
        server.armed.clear()
        server.armed_for_long = 0
    await month.work(PATIENCE)
    for _ in range(MANY):
        if not (doubts := month.records.in_doubt()):
            break
        for command in doubts[:QUEUE_SIZE]:
            month.send(command)
        await month.work(PATIENCE)
    assert not month.records.in_doubt(), "whoever asks again is answered"
    month.clock.advance(LONG)
    for _ in range(MANY):
        done = month.books.transfers
        for name in SWEEPS:
            month.sweep(name)
            await month.work(PATIENCE)
        month.clock.advance(timedelta(hours=1))
        if month.books.transfers == done and not month.audit.stored.in_flight():
            break
    month.audit.stored.everything()
    month.audit.stored.nothing_lapsed_is_left(to_micros(month.clock()) - _AN_HOUR)
    assert not month.audit.stored.in_flight(), "clearing accounts agree in the end (L9)"
    assert not month.books.open_holds(), "whatever is over is freed (S2)"
    assert all(gift.state == "in_review" for gift in month.books.open_gifts()), "whatever is due is settled (G2)"
    assert all(request.state != "open" for request in month.books.requests.values()), "whatever is over lapses"
    _count_ends(month)


def _count_ends(month: Month) -> None:
    """Note what became of everything that can come to several ends."""
    applications = [each for campaign in month.books.campaigns.values() for each in campaign.applications.values()]
    for name, things in (
        ("gift", month.books.gifts.values()),
        ("request", month.books.requests.values()),
        ("application", applications),
    ):
        month.tally.update((name, each.state) for each in things)
    month.tally.update(("hold", "late" if hold.is_late else hold.state) for hold in month.books.holds.values())


async def open_as_usual(month: Month) -> None:
    """A ledger as it is always opened, with threads of its own, finds nothing to do and nothing wrong."""
    ledger = open_ledger(some_settings(month.url), clock=month.clock)
    try:
        for sweep in SWEEPS.values():
            assert await sweep(ledger) == SweepResult(), f"something was left for {sweep}"
        for key, bound in month.dice.sample(sorted(month.records.bound.items()), 5):
            again = await ledger.execute(month.records.all[key].sent[bound.digest])
            assert again == Receipt(bound.first_id, bound.count, replayed=True), f"{key} was forgotten (L6)"
        report = await verify(ledger)
    finally:
        ledger.close()
    assert report.clean, f"verify finds: {report.findings[:5]}"
