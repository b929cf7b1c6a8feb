"""What goes wrong in a month: sweeps, clocks that jump, servers that die, callers that hang up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection

from core.services.gifts.deliveries import deliver
from core.store.queries.deliveries import DeliveryRecord, queued
from core.store.timestamps import from_micros
from tests.simulation.month import Month

HOUR = timedelta(hours=1)
SOON = timedelta(days=10)
SWEEPS = (
    *("settling", "freeing", "lapsing", "lapsing requests"),
    *("boosting", "boosting", "withdrawing", "delivering", "returning"),
)


def time_passes(month: Month) -> None:
    month.clock.advance(month.dice.choice((1, 2, 6, 12, 24, 30)) * HOUR)
    month.tally["clock", "on"] += 1


def next_instant(month: Month) -> None:
    """To the very instant at which something settles or lapses, or one micro-second before."""
    now = month.clock()
    instants = [gift.settles_at for gift in month.books.open_gifts()]
    instants += [hold.deadline_at for hold in month.books.open_holds()]
    instants += [lot.expires_at for lot in month.books.lots.values() if lot.expires_at is not None]
    coming = [moment for each in instants if now < (moment := from_micros(each)) < now + SOON]
    if coming:
        month.clock.now = max(now, min(coming) - timedelta(microseconds=month.dice.choice((0, 1))))
        month.tally["clock", "instant"] += 1


def clock_jumps_back(month: Month) -> None:
    month.clock.advance(-month.dice.choice((timedelta(microseconds=1), 1 * HOUR, 25 * HOUR, 60 * HOUR)))
    month.say("the clock was set back")
    month.tally["clock", "back"] += 1


def clock_jumps_on(month: Month) -> None:
    month.clock.advance(month.dice.choice((48, 80, 200)) * HOUR)
    month.say("the clock was set on")
    month.tally["clock", "far on"] += 1


def sweep(month: Month) -> None:
    month.sweep(month.dice.choice(SWEEPS))


def both_sweep(month: Month) -> None:
    """Two schedulers at once: each server does all that is due."""
    for server in [each for each in month.servers if each.alive]:
        for name in SWEEPS:
            month.sweep(name, server)
    month.tally["sweep", "by all at once"] += 1


def late_delivery(month: Month) -> None:
    """A copy of a delivery that was done long ago, or was never finished."""
    if month.waybills:
        server = month.server()
        month.say(f"to {server.number}: a late copy of a delivery")
        month.tally["sweep", "late copy"] += 1
        month.ask(deliver(server, month.dice.choice(month.waybills)))


def see_what_is_under_way(month: Month) -> None:
    """Keep what is to be delivered now, to deliver it again days later."""

    def some(connection: Connection) -> list[DeliveryRecord]:
        return queued(connection, month.clock(), 3)

    async def keep() -> None:
        month.waybills += await month.server().read(some)

    month.ask(keep())


def server_dies(month: Month) -> None:
    """kill -9; another one starts, at once or when somebody needs it."""
    month.crash(month.server())
    if month.dice.random() < 0.7:
        month.start_server()


def power_fails(month: Month) -> None:
    for server in [each for each in month.servers if each.alive]:
        month.crash(server)
    month.tally["died", "all at once"] += 1
    month.start_server()


def another_starts(month: Month) -> None:
    """Up to three servers write at once."""
    if sum(server.alive for server in month.servers) < 3:
        month.start_server()


def callers_hang_up(month: Month) -> None:
    server = month.server()
    month.tally["callers", "hung up"] += server.hang_up()
    month.say(f"the callers of {server.number} hang up")


def connection_is_lost_again_and_again(month: Month) -> None:
    """The database cannot be had for longer than anybody waits."""
    server = month.server()
    server.armed_for_long = 6
    month.say(f"server {server.number} loses the database")


FAULT_ACTIONS: list[tuple[int, Callable[[Month], None]]] = [
    (10, time_passes),
    (6, next_instant),
    (3, clock_jumps_back),
    (1, clock_jumps_on),
    (6, sweep),
    (4, both_sweep),
    (3, late_delivery),
    (4, see_what_is_under_way),
    (2, server_dies),
    (1, power_fails),
    (3, another_starts),
    (2, callers_hang_up),
    (1, connection_is_lost_again_and_again),
]
