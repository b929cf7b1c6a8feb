"""Several processes that write to one database at once, each with a ledger of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.support.writer_process import Done, Job

ROOT = Path(__file__).parents[2]

Writer = subprocess.Popen[str]


@contextlib.contextmanager
def writers(url: str, number: int) -> Iterator[list[Writer]]:
    """Processes that are ready to work, and gone at the end."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(_writer(url)) for _ in range(number)]
        for writer in found:
            assert _said(writer) == "ready"
        yield found


def work(
    found: Sequence[Writer], *, name: str, org: int, people: Sequence[int], callers: int, seconds: float
) -> list[Done]:
    """Let the processes work at once, with so many callers each; return what came of it. A name is used once."""
    for number, writer in enumerate(found):
        assert writer.stdin is not None
        job = Job(name=name, writer=number, org=org, people=tuple(people), callers=callers, seconds=seconds)
        print(json.dumps(asdict(job)), file=writer.stdin, flush=True)
    return [Done(**json.loads(_said(writer))) for writer in found]


def _writer(url: str) -> Writer:
    pipe, program = subprocess.PIPE, [sys.executable, "-m", "tests.support.writer_process", url]
    return subprocess.Popen(program, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def _said(writer: Writer) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().strip()
