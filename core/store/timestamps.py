"""Moments as stored: whole micro-seconds since the epoch, UTC. Exact in both directions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol, cast, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _ToMicros(Protocol):
    @overload
    def __call__(self, moment: datetime, /) -> int: ...
    @overload
    def __call__(self, moment: None, /) -> None: ...
    @overload
    def __call__(self, moment: datetime | None, /) -> int | None: ...


def _to_micros(moment: datetime | None) -> int | None:
    """Return the stored form of an aware time."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


# A batch writes the same few moments thousands of times.
to_micros: Final = cast("_ToMicros", lru_cache(maxsize=4_096)(_to_micros))


@overload
def from_micros(micros: int) -> datetime: ...
@overload
def from_micros(micros: None) -> None: ...
@overload
def from_micros(micros: int | None) -> datetime | None: ...
def from_micros(micros: int | None) -> datetime | None:
    """Return the aware UTC time of a stored moment."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)
