"""What operators count: requests, their times, open streams, waiting commands. Each app has its own registry."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from core.services.ledger import Ledger

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """The instruments of one app. Labels hold routes and statuses only, never an id or a name."""

    def __init__(self, ledger: Ledger) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "teamcredits_http_requests", "Answered requests.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
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

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        return generate_latest(self.registry)
