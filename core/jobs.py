"""Background jobs: APScheduler runs the sweeps. They decide nothing; what is due is decided under the locks (G2).

Any number of processes may run them on one database, and none for a while: every sweep catches up.
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
from core.services.allowances import resets
from core.services.boosts.sweeps import boosts_due, withdraw_leavers
from core.services.common.ledger_service import LedgerService
from core.services.common.sweeps import SweepResult
from core.services.gifts.deliveries import deliver_due
from core.services.gifts.settlement import return_stranded, settle_due
from core.services.grants import allotments
from core.services.grants.expiry import expire_due
from core.services.people.devices import delete_expired
from core.services.sharing import referrals, requests
from core.services.usage.hold_sweep import free_due_holds

logger = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 1.0
RETURN_SECONDS: Final = 60.0
ALLOT_SECONDS: Final = 10.0
WARN_SECONDS: Final = 60.0
REQUEST_SECONDS: Final = 10.0
REFERRAL_SECONDS: Final = 60.0
DEVICE_SECONDS: Final = 60.0
QUIET: Final = "apscheduler"  # it would log each run; the jobs log what matters

Sweep = Callable[[LedgerService], Awaitable[SweepResult]]


class JobRunner:
    """Runs the jobs of one process. Start and stop it on the event loop that the ledger is used on."""

    def __init__(self, ledger: LedgerService, *, registry: CollectorRegistry | None = None) -> None:
        logging.getLogger(QUIET).setLevel(logging.CRITICAL)
        registry = registry or CollectorRegistry()
        self._done = Counter(
            "teamcredits_swept",
            "Rows processed by each sweep: gifts settled, holds released, lots expired, …",
            ("sweep",),
            registry=registry,
        )
        self._failures = Counter("teamcredits_sweep_failures", "Sweeps that failed.", ("sweep",), registry=registry)
        # A late run is still worth doing, and one is enough: it processes everything due by then.
        once = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=once)
        started_at = system_clock()
        for number, (name, sweep, seconds) in enumerate(SWEEPS):
            offset = SWEEP_SECONDS * number / len(SWEEPS)  # so that they don't all run at once
            self._add(ledger, name, sweep, seconds, started_at + timedelta(seconds=seconds + offset))

    def start(self) -> None:
        self._scheduler.start()

    async def stop(self) -> None:
        """Start no further runs. A sweep in progress is abandoned; the next start continues from there."""
        self._scheduler.shutdown(wait=False)
        await asyncio.sleep(0)  # the scheduler stops at the loop's next turn

    def _add(self, ledger: LedgerService, name: str, sweep: Sweep, seconds: float, first_at: datetime) -> None:
        done, failures = self._done.labels(name), self._failures.labels(name)
        job = Job(name, lambda: sweep(ledger), on_done=done.inc, on_failure=failures.inc)
        self._scheduler.add_job(job.run, "interval", seconds=seconds, start_date=first_at, id=name)


class Job:
    """One recurring job. It never raises, and logs changes only: that it started to fail, fails in a different way,
    or has recovered."""

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[SweepResult]],
        *,
        on_done: Callable[[float], None] = lambda _: None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._work = work
        self._on_done = on_done
        self._on_failure = on_failure
        self._failure: str | None = None

    async def run(self) -> None:
        """Run it once."""
        try:
            swept = await self._work()
        except Exception as error:
            self._on_failure()
            self._log_change(_kind(error), error)
            return
        self._on_done(swept.done)
        self._log_change("some of it could not be processed" if swept.left else None)

    def _log_change(self, failure: str | None, error: Exception | None = None) -> None:
        before, self._failure = self._failure, failure
        if failure == before:
            return
        if failure is None:
            logger.info("%s recovered", self._name)
        else:
            logger.warning("%s failed and will be retried: %s", self._name, failure, exc_info=_unexpected(error))


def _kind(error: Exception) -> str:
    """Return the kind of failure. Its message is left out: it may differ every time, or quote user data."""
    if isinstance(error, Refused):
        return error.code.value  # the journal has logged why
    cause = getattr(error, "orig", None)
    return type(error).__name__ if cause is None else f"{type(error).__name__} ({type(cause).__name__})"


def _unexpected(error: Exception | None) -> Exception | None:
    """Return the error if its traceback is worth logging, which isn't so when the database can't be reached."""
    return None if error is None or hasattr(error, "orig") or isinstance(error, OSError | Refused) else error


async def _clean_up_sign_ins(ledger: LedgerService) -> SweepResult:
    return SweepResult(done=await delete_expired(ledger))


SWEEPS: Final[tuple[tuple[str, Sweep, float], ...]] = (
    ("settlement_sweep", settle_due, SWEEP_SECONDS),
    ("hold_sweep", free_due_holds, SWEEP_SECONDS),
    ("expiry_sweep", expire_due, SWEEP_SECONDS),
    ("boost_sweep", boosts_due, SWEEP_SECONDS),
    ("delivery_sweep", deliver_due, SWEEP_SECONDS),
    ("allotment_sweep", allotments.run_due, ALLOT_SECONDS),
    ("reset_sweep", resets.run_orders, SWEEP_SECONDS),
    ("reset_warnings", resets.warn, WARN_SECONDS),
    ("request_sweep", requests.expire_due_requests, REQUEST_SECONDS),
    ("referral_sweep", referrals.reward_due, REFERRAL_SECONDS),
    ("leaver_sweep", withdraw_leavers, RETURN_SECONDS),
    ("stranded_gift_sweep", return_stranded, RETURN_SECONDS),
    ("sign_in_cleanup", _clean_up_sign_ins, DEVICE_SECONDS),
)
