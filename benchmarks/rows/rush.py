"""The founding case over HTTP: 9,500 people apply to one server for 8,000 places (S7).

Everybody comes with their own token; nobody's application may be lost, and exactly the capacity may
be admitted, in the answers and in the books.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks.bench import FULL, Bench
from benchmarks.fixture_data import open_town
from benchmarks.harness import Bar, Result, Timing
from core.metering.boosts import Factor
from core.services.boosts import campaigns
from core.services.boosts.campaigns import CampaignTerms
from core.services.boosts.views import Counts
from core.services.common.actors import Actor, Role, Scope
from core.services.wallet.verify import verify
from tests.support.crowd import Newcomer, a_crowd
from tests.support.rush import rush
from tests.support.servers import running_server

APPLICANTS: Final = 9_500
CAPACITY: Final = 8_000
CONNECTIONS: Final = 64
MOST_SECONDS: Final = 60.0
_QUICKER: Final = 10
_DAY: Final = timedelta(days=1)


def applications(bench: Bench) -> Iterator[Result]:
    """Measure how long a whole campaign's applications take."""
    share = 1 if bench.size == FULL else _QUICKER
    capacity, applicants = CAPACITY // share, APPLICANTS // share
    with bench.a_copy() as url, tempfile.TemporaryDirectory() as folder:
        with closing(open_town(url)) as ledger:
            admin = Actor(bench.town.big, bench.town.members[bench.town.big][0], Role.ADMIN, frozenset(Scope))
            people = a_crowd(ledger, bench.town.big, applicants)
            now = ledger.clock()
            terms = CampaignTerms("Ten", Factor.parse("10"), capacity, now + _DAY, now + _DAY, now + 32 * _DAY)
            made = asyncio.run(campaigns.open_campaign(ledger, actor=admin, key="rush", terms=terms))
        with running_server(Path(folder), url, mode="production") as server:
            timing, states = asyncio.run(_timed(server.port, made.item.id, people))
        with closing(open_town(url)) as ledger:
            counts = asyncio.run(campaigns.campaign(ledger, actor=admin, campaign_id=made.item.id)).counts
            report = asyncio.run(verify(ledger))
    assert states == {"admitted": capacity, "waitlisted": applicants - capacity}, states
    assert counts == Counts(0, capacity, applicants - capacity, 0, 0), counts
    assert report.clean, report.findings
    yield Result(
        f"{applicants:,} applications for {capacity:,} places over HTTP, {CONNECTIONS} connections",
        bench.kind,
        ours=timing.seconds,
        bar=MOST_SECONDS,
        bar_is=Bar.OURS_AT_MOST,
        unit="s",
        p50_ms=timing.percentile_ms(0.5),
        p99_ms=timing.p99_ms,
    )


async def _timed(port: int, campaign: str, people: list[Newcomer]) -> tuple[Timing, Counter[str]]:
    started = time.perf_counter()
    applied = await rush(port, campaign, people, connections=CONNECTIONS)
    seconds = time.perf_counter() - started
    timing = Timing(len(applied), seconds, latencies=[each.seconds for each in applied])
    return timing, Counter(each.answer["state"] for each in applied)
