"""The worker: APScheduler ticks the sweeps. It decides nothing; what is due is decided under the locks (G2).

Any number of workers may run on one database, and none for a while: every sweep catches up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry, Counter

from core.clock import system_clock
from core.ledger.errors import Refused
from core.services import allotments, referrals, requests, resets
from core.services.boosts.rounds import boosts_due, withdraw_leavers
from core.services.deliveries import deliver_due
from core.services.devices import forget_lapsed
from core.services.ledger import Ledger
from core.services.settlement import Swept, expire_due, free_due_holds, return_stranded, settle_due

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
RETURN_SECONDS: Final = 60.0
ALLOT_SECONDS: Final = 10.0
WARN_SECONDS: Final = 60.0
REQUEST_SECONDS: Final = 10.0
REFERRAL_SECONDS: Final = 60.0
DEVICE_SECONDS: Final = 60.0
QUIET: Final = "apscheduler"  # it would log each run; what matters of them is said here

Sweep = Callable[[Ledger], Awaitable[Swept]]


class Worker:
    """The recurring work of one process. Start and stop it on the event loop that the ledger is used on."""

    def __init__(self, ledger: Ledger, *, registry: CollectorRegistry | None = None) -> None:
        logging.getLogger(QUIET).setLevel(logging.CRITICAL)
        registry = registry or CollectorRegistry()
        self._done = Counter(
            "teamcredits_swept",
            "Gifts settled or returned, holds freed, lots lapsed, sign-ins forgotten.",
            ("sweep",),
            registry=registry,
        )
        self._failures = Counter("teamcredits_sweep_failures", "Sweeps that failed.", ("sweep",), registry=registry)
        # However late a sweep is, it is worth doing, and once is enough: it takes all that is due by then.
        once = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=once)
        begin_at = system_clock()
        for number, (name, sweep, seconds) in enumerate(SWEEPS):
            apart = TICK_SECONDS * number / len(SWEEPS)  # so that they never come all at once
            self._add(ledger, name, sweep, seconds, begin_at + timedelta(seconds=seconds + apart))

    def start(self) -> None:
        self._scheduler.start()

    async def stop(self) -> None:
        """Begin nothing more. A sweep that is under way is left where it is; the next start goes on from there."""
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # the scheduler stops at the loop's next turn

    def _add(self, ledger: Ledger, name: str, sweep: Sweep, seconds: float, first_at: datetime) -> None:
        done, failures = self._done.labels(name), self._failures.labels(name)
        tick = Tick(name, lambda: sweep(ledger), on_done=done.inc, on_failure=failures.inc)
        self._scheduler.add_job(tick.run, "interval", seconds=seconds, start_date=first_at, id=name)


class Tick:
    """One recurring piece of work. It never fails its scheduler, and tells the log of changes only:
    that it begins to fail, that it fails in another way, that it works again."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[Swept]],
        *,
        on_done: Callable[[float], None] = lambda _: None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._work = work
        self._on_done = on_done
        self._on_failure = on_failure
        self._trouble: str | None = None

    async def run(self) -> None:
        """Do it once."""
        try:
            swept = await self._work()
        except Exception as error:
            self._on_failure()
            self._tell(_kind(error), error)
            return
        self._on_done(swept.done)
        self._tell("part of it was left over" if swept.left else None)

    def _tell(self, trouble: str | None, error: Exception | None = None) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble == before:
            return
        if trouble is None:
            logger.info("%s works again", self._name)
        else:
            logger.warning("%s fails and is tried again: %s", self._name, trouble, exc_info=_unexpected(error))


def _kind(error: Exception) -> str:
    """Return what kind of failure it is. Its words are left out: they may change every time, or quote somebody."""
    if isinstance(error, Refused):
        return error.code.value  # the journal has logged why
    cause = getattr(error, "orig", None)
    return type(error).__name__ if cause is None else f"{type(error).__name__} ({type(cause).__name__})"


def _unexpected(error: Exception | None) -> Exception | None:
    """Return an error whose stack is worth logging: not a database that cannot be reached."""
    return None if error is None or hasattr(error, "orig") or isinstance(error, OSError | Refused) else error


async def _forget_devices(ledger: Ledger) -> Swept:
    return Swept(done=await forget_lapsed(ledger))


SWEEPS: Final[tuple[tuple[str, Sweep, float], ...]] = (
    ("settling", settle_due, TICK_SECONDS),
    ("freeing holds", free_due_holds, TICK_SECONDS),
    ("lapsing", expire_due, TICK_SECONDS),
    ("boosting", boosts_due, TICK_SECONDS),
    ("delivering", deliver_due, TICK_SECONDS),
    ("allotting", allotments.run_due, ALLOT_SECONDS),
    ("resetting", resets.run_orders, TICK_SECONDS),
    ("warning of resets", resets.warn, WARN_SECONDS),
    ("requests", requests.lapse_due, REQUEST_SECONDS),
    ("referrals", referrals.reward_due, REFERRAL_SECONDS),
    ("withdrawing", withdraw_leavers, RETURN_SECONDS),
    ("returning", return_stranded, RETURN_SECONDS),
    ("forgetting sign-ins", _forget_devices, DEVICE_SECONDS),
)
