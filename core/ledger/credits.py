"""An amount of credits: whole micro-credits, never a float.

One credit is 1,000,000 micro-credits. The range is that of a stored signed 64-bit integer without its lowest
value, so that every amount has its negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Self

MICROS_PER_CREDIT: Final = 1_000_000
MAX_TRANSFER_CREDITS: Final = 10**9
_INT64_MAX: Final = 2**63 - 1
_LEAST: Final = -_INT64_MAX

_EXACT = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,6})?", re.ASCII)
_GROUPED = r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,2}|[1-9](?:,[0-9]{3}){3}"
_TYPED = re.compile(rf"(?:[0-9]{{1,10}}|{_GROUPED})(?:\.[0-9]{{1,2}})?", re.ASCII)


class Credits:
    """A signed amount in micro-credits; immutable, ordered and exact.

    It adds and subtracts with its own kind only. There is no division: whoever must split an amount says
    where the remainder goes. Raises OverflowError outside the signed 64-bit range.
    """

    __slots__ = ("micros",)
    micros: int

    def __init__(self, micros: int) -> None:
        if type(micros) is not int:
            raise TypeError(f"micro-credits are whole: an int, not {micros!r}")
        if not _LEAST <= micros <= _INT64_MAX:
            raise OverflowError(f"{micros} micro-credits do not fit in 64 bits")
        _keep(self, micros)

    @classmethod
    def of(cls, whole: int) -> Self:
        """Return a whole number of credits: ``Credits.of(500)`` is 500 cr."""
        return cls(whole * MICROS_PER_CREDIT)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the exact form that programs write: ``"4210"``, ``"0.000001"``; ASCII, at most 6 decimals.

        Raises ValueError for everything else: signs, exponents, grouping, other digits, more decimals.
        """
        if _EXACT.fullmatch(text) is None:
            raise ValueError('an amount is written like "500" or "0.25": ASCII digits, at most 6 decimals')
        whole, _, fraction = text.partition(".")
        return cls(int(whole) * MICROS_PER_CREDIT + int(fraction.ljust(6, "0")))

    @classmethod
    def parse_typed(cls, text: str) -> Self:
        """Read what a person types: ``500``, ``1,000``, ``12.5``; at most the 2 decimals people are shown.

        Raises ValueError for everything else, also for ``0,500``, by which some people mean a half.
        """
        if _TYPED.fullmatch(text) is None:
            raise ValueError("an amount looks like 500, 1,000 or 12.5: at most 2 decimals")
        return cls.parse(text.replace(",", ""))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an amount never changes")

    def __add__(self, other: Credits) -> Credits:
        return Credits(self.micros + other.micros)

    def __sub__(self, other: Credits) -> Credits:
        return Credits(self.micros - other.micros)

    def __neg__(self) -> Credits:
        return Credits(-self.micros)

    def __lt__(self, other: Credits) -> bool:
        return self.micros < other.micros

    def __le__(self, other: Credits) -> bool:
        return self.micros <= other.micros

    def __gt__(self, other: Credits) -> bool:
        return self.micros > other.micros

    def __ge__(self, other: Credits) -> bool:
        return self.micros >= other.micros

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credits) and self.micros == other.micros

    def __hash__(self) -> int:
        return hash(self.micros)

    def __bool__(self) -> bool:
        return self.micros != 0

    def __str__(self) -> str:
        """Return the exact form: no exponent, no trailing zeros, no grouping (``"0.5"``)."""
        sign = "-" if self.micros < 0 else ""
        whole, fraction = divmod(abs(self.micros), MICROS_PER_CREDIT)
        decimals = f"{fraction:06d}".rstrip("0")
        return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"

    def __repr__(self) -> str:
        return f"Credits({self!s} cr)"

    def __reduce__(self) -> tuple[type[Credits], tuple[int]]:
        return Credits, (self.micros,)

    def shown(self) -> str:
        """Return what people are shown: rounded toward zero to at most 2 decimals, thousands separated.

        An amount above zero and below 0.01 reads ``<0.01``, so that something never looks like nothing.
        """
        sign = "-" if self.micros < 0 else ""
        size = abs(self.micros)
        if 0 < size < MICROS_PER_CREDIT // 100:
            return f"{sign}<0.01"
        whole, fraction = divmod(size, MICROS_PER_CREDIT)
        decimals = f"{fraction // 10_000:02d}".rstrip("0")
        return f"{sign}{whole:,}.{decimals}" if decimals else f"{sign}{whole:,}"


_keep = Credits.__dict__["micros"].__set__  # an amount is made several times in every decision

ZERO: Final = Credits(0)
MAX_TRANSFER: Final = Credits.of(MAX_TRANSFER_CREDITS)


def total(amounts: Iterable[Credits]) -> Credits:
    """Return the exact sum; of nothing it is zero."""
    return Credits(sum(amount.micros for amount in amounts))
