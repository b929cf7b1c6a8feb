"""Authorizations over HTTP: a gateway's connections against the real server (S2), beside a bare app, and beside the
database alone at the same pace, in the same run.

The server, or the bare app in its place, has one core and the gateway another, where there are two.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import orjson
import psutil

from benchmarks.bench import Bench
from benchmarks.fixture_data import open_town
from benchmarks.gateway import Gateway
from benchmarks.harness import Bar, Result, Timing, quiet_disk
from core.ledger.ids import Prefix, shown_id
from core.services.common.actors import Actor, Role, Scope
from core.services.people import members, tokens
from core.store.engine import open_engine
from core.store.tables import NoteRow
from core.wiring import open_driver
from tests.support.servers import clean_environment, free_port, running_server

CONNECTIONS: Final = 32
MOST: Final = 1_500.0  # a second, at least
P99_MS: Final = 5.0  # at half the measured maximum
PATH: Final = "/v1/usage/authorizations"
_SECONDS: Final = 6.0
_WARM_UP_SECONDS: Final = 1.0
_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def authorizations(bench: Bench) -> Iterator[Result]:
    """Measure the maximum, then the latencies at half of it."""
    with bench.a_copy() as url, tempfile.TemporaryDirectory() as folder:
        token, people = _gateway(bench, url)
        with (
            _on_core(-1),
            running_server(Path(folder), url, queue_size="100000") as server,
            _bare_app() as port,
            _on_core(0),
        ):
            bare = _loaded(port, _requests(port, token, people))
            asked = _requests(server.port, token, people)
            most = _loaded(server.port, asked, server.process.pid)
            half = _loaded(server.port, asked, server.process.pid, rate=most.rate / 2)
    with bench.a_copy() as url, _on_core(-1):
        alone = _committed(url, rate=most.rate / 2)
    yield Result(
        f"authorize over HTTP, {CONNECTIONS} connections (baseline: a bare app)",
        bench.kind,
        ours=most.rate,
        baseline=bare.rate,
        ratio=most.rate / bare.rate,
        bar=MOST,
        bar_is=Bar.OURS_AT_LEAST,
        p50_ms=most.percentile_ms(0.5),
        p99_ms=most.p99_ms,
        cpu_us=most.cpu_us,
    )
    yield Result(
        f"authorize over HTTP at half the maximum, {most.rate / 2:,.0f} a second: p99 (baseline: a durable row alone)",
        bench.kind,
        ours=half.p99_ms,
        baseline=alone.p99_ms,
        ratio=half.p99_ms / alone.p99_ms,
        bar=P99_MS,
        bar_is=Bar.OURS_AT_MOST,
        unit="ms",
        p50_ms=half.percentile_ms(0.5),
        p99_ms=half.p99_ms,
        cpu_us=half.cpu_us,
    )


def _gateway(bench: Bench, url: str) -> tuple[str, list[str]]:
    """Return the token of a service in the big organization, and whose usage it asks for."""
    people = bench.town.members[bench.town.big]
    admin = Actor(bench.town.big, people[0], Role.ADMIN, frozenset(Scope))

    async def issue() -> str:
        with closing(open_town(url)) as ledger:
            service = await members.add_member(ledger, actor=admin, name="Gateway", kind="service")
            scopes = [Scope.SPEND]
            secret, _ = await tokens.issue_token(ledger, actor=admin, member_id=service.id, scopes=scopes, label="gw")
        return secret

    return asyncio.run(issue()), [shown_id(Prefix.MEMBER, person) for person in people]


def _requests(port: int, token: str, people: list[str]) -> Iterator[bytes]:
    """Yield requests, each with a new key, for everybody in turn."""
    for number in itertools.count():
        body = orjson.dumps(
            {
                "model": "gpt-6-luna",
                "member": people[number % len(people)],
                "input_tokens": 12_000,
                "cached_tokens": 10_000,
                "max_tokens": 2_000,
            }
        )
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            f"Idempotency-Key: {port}-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _loaded(port: int, requests: Iterator[bytes], process_id: int | None = None, rate: float | None = None) -> Timing:
    """Load a server after a warm-up; the processor time is that of the process, if one is named."""
    quiet_disk()
    with Gateway(port, CONNECTIONS) as gateway:
        gateway.load(requests, _WARM_UP_SECONDS, rate)
        process = None if process_id is None else psutil.Process(process_id)
        before = _cpu_seconds(process)
        timing = gateway.load(requests, _SECONDS, rate)
        timing.cpu_seconds = _cpu_seconds(process) - before
    return timing


def _committed(url: str, rate: float) -> Timing:
    """What the database alone needs at a pace: a row for each request, those that are due by now in one commit. Whoever
    answers only what is durable can be no quicker.
    """
    timing = Timing()
    engine = open_engine(url)
    driver = open_driver(engine)
    quiet_disk()
    began = time.perf_counter()
    end = began + _WARM_UP_SECONDS + _SECONDS
    while (now := time.perf_counter()) < end:
        due = range(timing.count, int((now - began) * rate) + 1)
        if not due:
            time.sleep(max(began + due.start / rate - now, 0))
            continue
        driver.begin()
        driver.insert(NoteRow, [(0, number, bytes(16), "durable") for number in due])
        driver.commit()
        now = time.perf_counter()
        timing.latencies += [now - began - number / rate for number in due if number / rate > _WARM_UP_SECONDS]
        timing.count = due.stop
    driver.close()
    engine.dispose()
    return timing


def _cpu_seconds(process: psutil.Process | None) -> float:
    times = None if process is None else process.cpu_times()
    return 0.0 if times is None else times.user + times.system


@contextmanager
def _on_core(place: int) -> Iterator[None]:
    """Stay on one of this machine's cores, and let what is started here stay there too."""
    if len(_CORES) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _bare_app() -> Iterator[int]:
    """The same server with an app that reads the body and answers as much, and does nothing else."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_app", str(port)], env=clean_environment())
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            asyncio.run(_reach(port))
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the bare app did not start")


async def _reach(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
