"""Moments as stored: whole micro-seconds since the epoch, UTC. Exact in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@overload
def to_micros(moment: datetime) -> int: ...
@overload
def to_micros(moment: None) -> None: ...
@overload
def to_micros(moment: datetime | None) -> int | None: ...
def to_micros(moment: datetime | None) -> int | None:
    """Return the stored form of an aware time."""
    return None if moment is None else _micros(moment)


@overload
def from_micros(micros: int) -> datetime: ...
@overload
def from_micros(micros: None) -> None: ...
@overload
def from_micros(micros: int | None) -> datetime | None: ...
def from_micros(micros: int | None) -> datetime | None:
    """Return the aware UTC time of a stored moment."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


@lru_cache(maxsize=4_096)  # a batch writes the same few moments thousands of times
def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
