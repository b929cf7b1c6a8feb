"""Ids: 60-bit integers in commit order inside, opaque prefixed strings outside.

An id is ``writer << 36 | n``: a writer is one process start, so ids never repeat and grow with commits
(random keys would cost much of a B-tree's insert speed). Outside they are lower-case base 32 with a prefix
that names the kind of thing.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from core.ledger.errors import Code, Refused

SEQUENCE_BITS: Final = 36
MAX_ID: Final = 2**60 - 1
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
_AS_PYTHON_WRITES: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_DIGITS: Final = re.compile(f"[{_ALPHABET[1:]}][{_ALPHABET}]{{0,11}}")  # 12 digits of 5 bits: up to MAX_ID


class Prefix(StrEnum):
    """What an id names."""

    ORG = "org"  # an organization
    TEAM = "team"  # a team
    MEMBER = "mem"  # a person or service
    LOT = "lot"  # credits of one origin
    GIFT = "gift"  # a gift; its id is that of the transfer that reserved it
    TRANSFER = "tr"  # a transfer
    TOKEN = "tok"  # noqa: S105  (an id, not a secret)
    HOLD = "hold"  # an authorization; its id is that of the transfer that opened it
    PLAN = "plan"  # how much usage is included
    CAP = "cap"  # a limit on spending
    RESET = "rst"  # a reset
    CAMPAIGN = "cmp"  # a campaign, whose applicants get a boost
    BOOST = "bst"  # a boost
    APPLICATION = "app"  # an application
    ALLOTMENT = "alt"  # a recurring grant
    REQUEST = "req"  # a request for credits
    NOTICE = "ntc"  # something a person is told


def shown_id(prefix: Prefix, number: int) -> str:
    """Return the outside form: ``shown_id(Prefix.GIFT, 1)`` is ``"gift_1"``."""
    if not 0 < number <= MAX_ID:
        raise ValueError(f"{number} is no id")
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _ALPHABET[digit] + digits
    return f"{prefix.value}_{digits}"


def parse_id(prefix: Prefix, text: str) -> int:
    """Read the outside form back. Raises Refused(not_found) for anything that was never issued."""
    head, _, digits = text.rpartition("_")
    if head != prefix.value or _DIGITS.fullmatch(digits) is None:
        raise Refused(Code.NOT_FOUND, f"{prefix.name.capitalize()} {text[:40]!r} not found.")
    return int(digits.translate(_AS_PYTHON_WRITES), 32)


def first_id_of(writer: int) -> int:
    """Return the first id a writer may give. Raises ValueError past the last writer there is room for."""
    if not 0 <= writer <= MAX_ID >> SEQUENCE_BITS:
        raise ValueError(f"{writer} is no writer")
    return (writer << SEQUENCE_BITS) | 1
