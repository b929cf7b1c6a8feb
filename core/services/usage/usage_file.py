"""A CSV of usage from a tool that has no gateway: each line says who used what, when.

``member,time,model`` and either the tokens or the ``credits`` it cost. It decides nothing and charges nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import BinaryIO, Final

from core.ledger.credits import Credits
from core.ledger.errors import Refused
from core.services.common.csv_file import count_of, header_of, line_wrong, rows_of
from core.services.usage.cloud_events import COUNTS, Reported, moment_of, text_of, usage_of, wrong

MAX_LINES: Final = 200_000
WHO: Final = ("member", "time", "model")
TOKENS: Final = ("input_tokens", "output_tokens")
PRICE: Final = "credits"
OPTIONAL: Final = ("cached_tokens", "cache_write_tokens", "cache_write_1h_tokens", "tier", "id")
_ID_LENGTH: Final = 32

Line = tuple[int, Reported | Refused]


def lines_of(stream: BinaryIO, *, source: str, now: datetime) -> Iterator[Line]:
    """Yield each line of the file with what it reports, or with what is wrong with it.

    A line without an ``id`` is known by its content, the second of two equal lines by being the second: so a file
    that has grown since charges only what is new in it. Raises Refused(invalid_request) for what is no such file.
    """
    stream.seek(0)
    columns = _columns(header_of(stream))
    stream.seek(0)
    seen: Counter[bytes] = Counter()
    for line, row in rows_of(stream, columns):
        if seen.total() >= MAX_LINES:
            raise line_wrong(line, f"a file has at most {MAX_LINES:,} lines; split it")
        content = hashlib.sha256("\x1f".join(row[name] for name in columns).encode()).digest()
        seen[content] += 1
        own_id = f"{content.hex()[:_ID_LENGTH]}-{seen[content]}"
        try:
            yield line, _reported(row, source, row.get("id") or own_id, now)
        except Refused as refused:
            yield line, refused


def _columns(header: list[str]) -> list[str]:
    """Return the columns in the order of the file, all of which mean something: a slip in a name costs money."""
    paid_by = (PRICE,) if PRICE in header else TOKENS
    allowed = {*WHO, PRICE, "id"} if PRICE in header else {*WHO, *TOKENS, *OPTIONAL}
    known = ", ".join((*WHO, *TOKENS, *OPTIONAL))
    unknown = next((name for name in header if name not in allowed), None)
    if unknown is not None:
        raise line_wrong(1, f"column {unknown[:40]!r} means nothing here; the columns are {known}, or credits")
    for name in (*WHO, *paid_by):
        if name not in header:
            raise line_wrong(1, f"there is no column {name!r}; the columns are {known}, or credits instead of tokens")
    return header


def _reported(row: dict[str, str], source: str, event_id: str, now: datetime) -> Reported:
    subject, at = text_of(row["member"].strip(), "member"), _time(row["time"].strip(), now)
    event_id = text_of(event_id, "id")
    if PRICE in row:
        return Reported(source, event_id, subject, at, usage_of(row["model"], None, {}), _credits(row[PRICE]))
    counts: dict[str, int] = {name: _count(row, name) for name in COUNTS if name in row}
    return Reported(source, event_id, subject, at, usage_of(row["model"], row.get("tier") or None, counts))


def _credits(text: str) -> Credits:
    try:
        return Credits.parse(text)
    except ValueError as problem:
        raise wrong(f"credits is {text[:40]!r}: {problem}.", PRICE) from None


def _count(row: dict[str, str], name: str) -> int:
    """An optional count that is left empty is none."""
    if name in OPTIONAL and not row[name]:
        return 0
    try:
        return count_of(row[name], name)
    except ValueError as problem:
        raise wrong(f"{problem}.", name) from None


def _time(text: str, now: datetime) -> datetime | None:
    """Read an instant, or a day, which is its last instant, or now if it is not over."""
    moment = moment_of(text) or _last_of_day(text)
    if moment is None:
        raise wrong(f"time is {text[:40]!r}; write 2026-11-20T13:02:00Z, or the day 2026-11-20.", "time")
    return None if moment_of(text) is None and moment.date() == now.astimezone(UTC).date() else moment


def _last_of_day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    if day.isoformat() != text or day.year >= 9999:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - timedelta(microseconds=1)
