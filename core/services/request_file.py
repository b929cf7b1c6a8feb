"""A file of requests: the CSV that ``teamcredits replay`` reads.

The whole file is checked before anything is handed out, and what is handed out is the very copy that was
checked: so a file that changes meanwhile does no harm, and a pipe can be read too. It charges nothing.
"""

from __future__ import annotations

import csv
import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from core.ledger.errors import Code, Refused
from core.metering.usage import MAX_TOKENS, Usage

MAX_REQUESTS: Final = 1_000_000
MAX_LINE_BYTES: Final = 64 * 1024
MAX_NAME_LENGTH: Final = 200  # of a session or an agent
COLUMNS: Final = ("session", "agent", "seq", "model", "input_tokens", "cached_tokens", "output_tokens")

_BYTE_ORDER_MARK: Final = "\ufeff"
_WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]*)?", re.ASCII)


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
    with tempfile.TemporaryFile() as copy:
        digest = _copy_of(path, copy)
        copy.seek(0)
        first_seen: dict[str, int] = {}
        for line, request in _requests(copy):
            if (before := first_seen.setdefault(request.event_id, line)) != line:
                raise _wrong(line, f"it has the session, agent and seq of line {before}; each request needs its own")
            if len(first_seen) > MAX_REQUESTS:
                raise _wrong(line, f"a file has at most {MAX_REQUESTS:,} requests; split it")
        yield RequestFile(source=f"sha256:{digest}", count=len(first_seen), _copy=copy)


def _copy_of(path: Path, copy: BinaryIO) -> str:
    """Copy the file and return the digest of what was copied."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as original:
            while block := original.read(MAX_LINE_BYTES):
                digest.update(block)
                copy.write(block)
    except OSError as failed:
        raise Refused(Code.INVALID_REQUEST, f"{path} cannot be read: {failed.strerror}.") from None
    return digest.hexdigest()


def _requests(stream: BinaryIO) -> Iterator[tuple[int, Request]]:
    """Yield each request with the number of its line."""
    rows = csv.reader(_lines(stream), strict=True)
    try:
        header = next(rows, [])
        places = _places(header)
        for row in rows:
            if not row:
                continue  # an empty line
            if len(row) != len(header):
                raise _wrong(rows.line_num, f"it has {len(row)} fields, but the first line names {len(header)} columns")
            yield rows.line_num, _request({name: row[place] for name, place in places.items()}, rows.line_num)
    except csv.Error as broken:
        raise _wrong(rows.line_num, f"it is not CSV ({broken})") from None


def _lines(stream: BinaryIO) -> Iterator[str]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES:
            raise _wrong(number, f"it is longer than {MAX_LINE_BYTES:,} bytes")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            raise _wrong(number, "it is not UTF-8; save the file as CSV in UTF-8") from None
        yield text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text


def _places(header: list[str]) -> dict[str, int]:
    for name in COLUMNS:
        if header.count(name) != 1:
            problem = f"there is no column {name!r}" if name not in header else f"column {name!r} stands there twice"
            raise _wrong(1, f"{problem}; the first line must name {', '.join(COLUMNS)}, separated by commas")
    return {name: header.index(name) for name in COLUMNS}


def _request(row: dict[str, str], line: int) -> Request:
    for name in ("session", "agent"):
        if not 0 < len(row[name]) <= MAX_NAME_LENGTH or not row[name].isprintable() or "/" in row[name]:
            raise _wrong(line, f"{name} must have 1 to {MAX_NAME_LENGTH} printable characters and no slash", name)
    counts = {name: _count(row[name], name, line) for name in COLUMNS if name.endswith("_tokens")}
    whole, cached = counts["input_tokens"], counts["cached_tokens"]
    if cached > whole:
        problem = f"cached_tokens ({cached}) is more than input_tokens ({whole})"
        raise _wrong(line, f"{problem}; input_tokens is the whole prompt, cached part included", "cached_tokens")
    event_id = f"{row['session']}/{row['agent']}/{_count(row['seq'], 'seq', line)}"
    try:
        usage = Usage(row["model"], whole - cached, cached, counts["output_tokens"])
    except ValueError as wrong:
        raise _wrong(line, str(wrong), "model") from None
    return Request(session=row["session"], event_id=event_id, usage=usage)


def _count(text: str, name: str, line: int) -> int:
    if _NEGATIVE.fullmatch(text):
        raise _wrong(line, f"{name} is {text[:40]}, but it is never below zero", name)
    if _WHOLE.fullmatch(text) is None:
        raise _wrong(line, f"{name} is {text[:40]!r}; write a whole number in the digits 0 to 9", name)
    if int(text) > MAX_TOKENS:
        raise _wrong(line, f"{name} is {int(text):,}; the most is {MAX_TOKENS:,}", name)
    return int(text)


def _wrong(line: int, problem: str, field: str | None = None) -> Refused:
    return Refused(Code.INVALID_REQUEST, f"Line {line}: {problem}. Nothing was charged.", line=line, field=field)
