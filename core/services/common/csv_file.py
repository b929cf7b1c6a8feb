"""CSV as it is exported: read line by line, with what is wrong said of its line. It charges nothing."""

from __future__ import annotations

import csv
import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from core.ledger.errors import Code, Refused
from core.metering.usage import MAX_TOKENS

MAX_LINE_BYTES: Final = 64 * 1024

_BYTE_ORDER_MARK: Final = "\ufeff"
_WHOLE = re.compile(r"[0-9]{1,40}", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]*)?", re.ASCII)


@contextmanager
def copied(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a copy of the file and the digest of its content: what is checked is what is read later.

    A file that changes meanwhile does no harm, and a pipe can be read too. Raises Refused(invalid_request).
    """
    with tempfile.TemporaryFile() as copy:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as original:
                while block := original.read(MAX_LINE_BYTES):
                    digest.update(block)
                    copy.write(block)
        except OSError as failed:
            raise Refused(Code.INVALID_REQUEST, f"{path} cannot be read: {failed.strerror}.") from None
        copy.seek(0)
        yield copy, digest.hexdigest()


def header_of(stream: BinaryIO) -> list[str]:
    """Return the names in the first line. Raises Refused(invalid_request)."""
    rows = csv.reader(_lines(stream), strict=True)
    try:
        return next(rows, [])
    except csv.Error as broken:
        raise line_wrong(1, f"it is not CSV ({broken})") from None


def rows_of(stream: BinaryIO, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's fields of these columns, with the number of its line; other columns are left out.

    Raises Refused(invalid_request) naming the line: without a column, with too many or too few fields, no CSV, no
    UTF-8.
    """
    rows = csv.reader(_lines(stream), strict=True)
    try:
        header = next(rows, [])
        places = _places(header, columns)
        for row in rows:
            if not row:
                continue  # an empty line
            if len(row) != len(header):
                problem = f"it has {len(row)} fields, but the first line names {len(header)} columns"
                raise line_wrong(rows.line_num, problem)
            yield rows.line_num, {name: row[place] for name, place in places.items()}
    except csv.Error as broken:
        raise line_wrong(rows.line_num, f"it is not CSV ({broken})") from None


def count_of(text: str, name: str) -> int:
    """Return a number of tokens, or of anything counted. Raises ValueError."""
    if _NEGATIVE.fullmatch(text):
        raise ValueError(f"{name} is {text[:40]}, but it is never below zero")
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"{name} is {text[:40]!r}; write a whole number in the digits 0 to 9")
    if int(text) > MAX_TOKENS:
        raise ValueError(f"{name} is {int(text):,}; the most is {MAX_TOKENS:,}")
    return int(text)


def line_wrong(line: int, problem: str, field: str | None = None) -> Refused:
    """Return the refusal of a whole file because of one line."""
    named = field or f"line {line}"
    return Refused(Code.INVALID_REQUEST, f"Line {line}: {problem}. Nothing was charged.", line=line, field=named)


def _lines(stream: BinaryIO) -> Iterator[str]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES:
            raise line_wrong(number, f"it is longer than {MAX_LINE_BYTES:,} bytes")
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            raise line_wrong(number, "it is not UTF-8; save the file as CSV in UTF-8") from None
        yield text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text


def _places(header: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    for name in columns:
        if header.count(name) != 1:
            problem = f"there is no column {name!r}" if name not in header else f"column {name!r} stands there twice"
            raise line_wrong(1, f"{problem}; the first line must name {', '.join(columns)}, separated by commas")
    return {name: header.index(name) for name in columns}
