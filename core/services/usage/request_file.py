"""A file of requests: the CSV that ``teamcredits replay`` reads.

The whole file is checked before anything is handed out, and what is handed out is the very copy that was
checked: so a file that changes meanwhile does no harm, and a pipe can be read too. It charges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from core.metering.usage import Usage
from core.services.common.csv_file import copied, count_of, line_wrong, rows_of

MAX_REQUESTS: Final = 1_000_000
MAX_NAME_LENGTH: Final = 200  # of a session or an agent
COLUMNS: Final = ("session", "agent", "seq", "model", "input_tokens", "cached_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a session; ``event_id`` is unique within its file."""

    session: str
    event_id: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A file that was read to its end and found good. ``source`` names its content, not its path."""

    source: str
    count: int
    _copy: BinaryIO

    def __iter__(self) -> Iterator[Request]:
        """Yield the requests in the file's order, reading as it goes."""
        self._copy.seek(0)
        for _, request in _requests(self._copy):
            yield request


@contextmanager
def open_request_file(path: Path) -> Iterator[RequestFile]:
    """Check the whole file and hand it out for reading.

    ``input_tokens`` is the whole prompt, of which ``cached_tokens`` came from a cache. Raises
    Refused(invalid_request) naming the first wrong line, what is wrong and what to do.
    """
    with copied(path) as (copy, digest):
        first_seen: dict[str, int] = {}
        for line, request in _requests(copy):
            if (before := first_seen.setdefault(request.event_id, line)) != line:
                raise line_wrong(
                    line, f"it has the session, agent and seq of line {before}; each request needs its own"
                )
            if len(first_seen) > MAX_REQUESTS:
                raise line_wrong(line, f"a file has at most {MAX_REQUESTS:,} requests; split it")
        yield RequestFile(source=f"sha256:{digest}", count=len(first_seen), _copy=copy)


def _requests(stream: BinaryIO) -> Iterator[tuple[int, Request]]:
    """Yield each request with the number of its line."""
    for line, row in rows_of(stream, COLUMNS):
        yield line, _request(row, line)


def _request(row: dict[str, str], line: int) -> Request:
    for name in ("session", "agent"):
        if not 0 < len(row[name]) <= MAX_NAME_LENGTH or not row[name].isprintable() or "/" in row[name]:
            raise line_wrong(line, f"{name} must have 1 to {MAX_NAME_LENGTH} printable characters and no slash", name)
    counts = {name: _count(row, name, line) for name in COLUMNS if name.endswith("_tokens")}
    whole, cached = counts["input_tokens"], counts["cached_tokens"]
    if cached > whole:
        problem = f"cached_tokens ({cached}) is more than input_tokens ({whole})"
        raise line_wrong(line, f"{problem}; input_tokens is the whole prompt, cached part included", "cached_tokens")
    event_id = f"{row['session']}/{row['agent']}/{_count(row, 'seq', line)}"
    try:
        usage = Usage(row["model"], whole - cached, cached, counts["output_tokens"])
    except ValueError as wrong:
        raise line_wrong(line, str(wrong), "model") from None
    return Request(session=row["session"], event_id=event_id, usage=usage)


def _count(row: dict[str, str], name: str, line: int) -> int:
    try:
        return count_of(row[name], name)
    except ValueError as problem:
        raise line_wrong(line, str(problem), name) from None
