"""Authorizations over HTTP: a gateway's connections against the real server, beside a bare app in the same run (S2)."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import orjson

from benchmarks.bench import Bench
from benchmarks.harness import Bar, Result, Timing
from benchmarks.town import open_town
from core.ledger.ids import Prefix, shown_id
from core.services import access, members
from core.services.views import Actor, Role, Scope
from tests.support.servers import clean_environment, free_port, running_server

CONNECTIONS: Final = 32
MOST: Final = 1_500.0  # a second, at least
P99_MS: Final = 5.0  # at half the measured maximum
PATH: Final = "/v1/usage/authorizations"
_SECONDS: Final = 6.0
_WARM_UP: Final = 500


def authorizations(bench: Bench) -> Iterator[Result]:
    """Measure the maximum, then the latencies at half of it."""
    with bench.a_copy() as url, tempfile.TemporaryDirectory() as folder:
        token, people = _gateway(bench, url)
        with running_server(Path(folder), url, queue_size="100000") as server:
            asked = _requests(server.port, token, people)
            asyncio.run(_drive(server.port, itertools.islice(asked, _WARM_UP), CONNECTIONS))
            with _bare_app() as port:
                bare = asyncio.run(_for_a_while(port, _requests(port, token, people)))
            most = asyncio.run(_for_a_while(server.port, asked))
            half = asyncio.run(_paced(server.port, asked, most.rate / 2))
    yield Result(
        f"authorize over HTTP, {CONNECTIONS} connections (baseline: a bare app)",
        bench.kind,
        ours=most.rate,
        baseline=bare.rate,
        ratio=most.rate / bare.rate,
        bar=MOST,
        bar_is=Bar.OURS_AT_LEAST,
        p50_ms=most.percentile_ms(0.5),
        p99_ms=most.percentile_ms(0.99),
    )
    p99 = half.percentile_ms(0.99)
    assert p99 is not None
    yield Result(
        f"authorize over HTTP at half the maximum, {most.rate / 2:,.0f} a second: p99",
        bench.kind,
        ours=p99,
        bar=P99_MS,
        bar_is=Bar.OURS_AT_MOST,
        unit="ms",
        p50_ms=half.percentile_ms(0.5),
        p99_ms=p99,
    )


def _gateway(bench: Bench, url: str) -> tuple[str, list[str]]:
    """Return the token of a service in the big organisation, and whose usage it asks for."""
    people = bench.town.members[bench.town.big]
    admin = Actor(bench.town.big, people[0], Role.ADMIN, frozenset(Scope))

    async def issue() -> str:
        with closing(open_town(url)) as ledger:
            service = await members.add_member(ledger, actor=admin, name="Gateway", kind="service")
            scopes = [Scope.SPEND]
            secret, _ = await access.issue_token(ledger, actor=admin, member_id=service.id, scopes=scopes, label="gw")
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


async def _for_a_while(port: int, requests: Iterator[bytes]) -> Timing:
    end = time.perf_counter() + _SECONDS
    return await _drive(port, itertools.takewhile(lambda _: time.perf_counter() < end, requests), CONNECTIONS)


async def _drive(port: int, requests: Iterator[bytes], connections: int) -> Timing:
    """Send each connection's next request as soon as its last was answered."""
    timing = Timing()

    async def connect() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in requests:  # shared by all: each takes the next
            began = time.perf_counter()
            await _ask(reader, writer, request)
            timing.latencies.append(time.perf_counter() - began)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connect() for _ in range(connections)))
    timing.seconds = time.perf_counter() - started
    timing.count = len(timing.latencies)
    return timing


async def _paced(port: int, requests: Iterator[bytes], rate: float) -> Timing:
    """Send requests at a steady rate, whether or not the last ones were answered; how late one was counts too."""
    timing, due = Timing(), asyncio.Queue[float]()
    began = time.perf_counter()

    async def connect() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (at := await due.get()) >= 0:
            await _ask(reader, writer, next(requests))
            timing.latencies.append(time.perf_counter() - at)
        writer.close()

    tasks = [asyncio.ensure_future(connect()) for _ in range(CONNECTIONS)]
    for number in range(int(rate * _SECONDS)):
        at = began + number / rate
        if (pause := at - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        due.put_nowait(at)
    for _ in tasks:
        due.put_nowait(-1.0)
    await asyncio.gather(*tasks)
    timing.seconds = time.perf_counter() - began
    timing.count = len(timing.latencies)
    return timing


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 201"), (head, body)


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
