"""What operators count: requests, their times, open streams, waiting commands. Each app has its own registry."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from core.services.common.ledger_service import LedgerService

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """The instruments of one app. Labels hold routes and statuses only, never an id or a name."""

    def __init__(self, ledger: LedgerService) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "teamcredits_http_requests", "Answered requests.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "teamcredits_http_seconds",
            "Time until an answer begins.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.streams = Gauge("teamcredits_status_streams", "Open status streams.", registry=self.registry)
        depth = Gauge("teamcredits_journal_waiting", "Commands that wait for the journal.", registry=self.registry)
        depth.set_function(lambda: ledger.journal.depth)
        ProcessCollector(registry=self.registry)
        # By their labels, which are as few as there are routes and statuses: prometheus_client checks them each time.
        self._counters: dict[tuple[str, str, int | None], Counter] = {}
        self._clocks: dict[tuple[str, str], Histogram] = {}

    def count(self, method: str, route: str, status: int | None, seconds: float | None) -> None:
        """Count an answered request, and the time until its answer began if it did."""
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._requests.labels(method, route, str(status or "none"))
            self._counters[method, route, status] = counter
        counter.inc()
        if seconds is not None:
            self._clock(method, route).observe(seconds)

    def _clock(self, method: str, route: str) -> Histogram:
        if (method, route) not in self._clocks:
            self._clocks[method, route] = self._seconds.labels(method, route)
        return self._clocks[method, route]

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        return generate_latest(self.registry)
