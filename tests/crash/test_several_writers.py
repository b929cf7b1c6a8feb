"""Several processes write to one PostgreSQL: nothing is lost or doubled between them, and each of them gets on (L7)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from core.ledger.credits import Credits
from core.ledger.ids import Prefix, parse_id
from core.ledger.lots import Source
from core.services import access, grants
from core.services.gifts import Recipient
from core.services.ledger import Ledger
from core.services.verify import verify
from core.wiring import open_ledger
from tests.support.builders import some_settings
from tests.support.village import Village, settle_village

WRITERS = 4
PEOPLE = 4  # so few that every batch wants what another one has locked
CALLERS = 32  # of each process
WARM_SECONDS, SECONDS = 0.4, 1.5
ENDOWMENT = Credits.of(1000)
PATIENCE = 60
ROOT = Path(__file__).parents[2]

Writer = subprocess.Popen[str]


def test_four_processes_at_once_lose_and_double_nothing_and_each_gets_on(postgresql_url: str) -> None:
    """L6, L7: crossing gifts among few accounts; of each gift that all of them give, one gives it."""
    village = settle_village(postgresql_url, PEOPLE)
    with _opened(postgresql_url) as ledger:
        asyncio.run(_endow(ledger, village))
    with _writers(postgresql_url) as four:
        _work(four, village, "warm", WARM_SECONDS)
        alone = _work(four[:1], village, "alone", SECONDS)
        together = _work(four, village, "together", SECONDS)
    with _opened(postgresql_url) as ledger:
        report = asyncio.run(verify(ledger))
    progress = [done["first_time"] + done["replayed"] for done in together]
    ratio = sum(progress) / alone[0]["first_time"]
    print(f"each did {progress} in {SECONDS} s; together {ratio:.2f} times what one does alone")

    assert not any(done["refused"] for done in (*alone, *together))
    assert report.clean, report.findings
    given = _one(postgresql_url, "SELECT count(*) FROM command WHERE key LIKE 'together%'")
    assert given == sum(done["first_time"] for done in together)
    assert any(done["replayed"] for done in together), "they gave the same gifts"
    assert _one(postgresql_url, "SELECT sum(remaining) FROM position") == PEOPLE * ENDOWMENT.micros
    assert _one(postgresql_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    assert min(progress) > max(progress) / 5
    assert ratio > 0.4  # the figure itself is the benchmarks' to measure, in peace


@contextlib.contextmanager
def _writers(url: str) -> Iterator[list[Writer]]:
    """Processes that are ready to work and gone at the end."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(_writer(url)) for _ in range(WRITERS)]
        for writer in found:
            assert _said(writer) == "ready"
        yield found


def _writer(url: str) -> Writer:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.writer_process", url], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    )


def _work(writers: Sequence[Writer], village: Village, name: str, seconds: float) -> list[dict[str, Any]]:
    """Let all of them work at once, and return what came of it."""
    people = [parse_id(Prefix.MEMBER, member) for member in village.people]
    common = {"name": name, "org": parse_id(Prefix.ORG, village.org), "people": people, "callers": CALLERS}
    for number, writer in enumerate(writers):
        assert writer.stdin is not None
        print(json.dumps(common | {"writer": number, "seconds": seconds}), file=writer.stdin, flush=True)
    return [json.loads(_said(writer)) for writer in writers]


def _said(writer: Writer) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().strip()


async def _endow(ledger: Ledger, village: Village) -> None:
    admin = await access.authenticate(ledger, village.tokens[village.admin])
    for member in village.people:
        await grants.grant(
            ledger,
            actor=admin,
            key=member,
            to=Recipient(member=member),
            amount=ENDOWMENT,
            source=Source.PURCHASE,
        )


@contextlib.contextmanager
def _opened(url: str) -> Iterator[Ledger]:
    with contextlib.closing(open_ledger(some_settings(url))) as ledger:
        yield ledger


def _one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
