"""Free text at the door: what no database, log or screen should ever be handed is refused here.

Every use case that takes text from outside checks it, so that all front ends refuse the same.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from core.ledger.errors import Code, Refused

UNSTORABLE: Final = "must be plain text, without NUL characters and lone surrogates"  # said where not is_storable
NAME_LENGTH: Final = 80  # of a member, team, organization, token or device
EMAIL_LENGTH: Final = 254

_UNSTORABLE: Final = frozenset({"Cs"})  # lone surrogates are not text
_CONTROLS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def checked_name(text: str, *, field: str = "name", most: int = NAME_LENGTH) -> str:
    """Return a one-line text without space around it. Raises Refused(invalid_request) naming the field."""
    name = text.strip()
    if not name:
        raise _wrong(field, "must not be empty")
    if len(name) > most:
        raise _wrong(field, f"must have at most {most} characters")
    if any(unicodedata.category(letter) in _CONTROLS for letter in name):
        raise _wrong(field, "must be one line of plain text")
    return name


def is_same_name(one: str, other: str) -> bool:
    """Return whether two names are one to whoever looks a plan or a team up by it: whatever their case."""
    return one.strip().casefold() == other.strip().casefold()


def cleaned_name(text: str, *, instead: str, most: int = NAME_LENGTH) -> str:
    """Return a name that somebody else's directory holds, made storable; ``instead`` when nothing is left."""
    kept = "".join(" " if unicodedata.category(letter) in _CONTROLS else letter for letter in text)
    return " ".join(kept.split())[:most].strip() or instead


def is_storable(text: str) -> bool:
    """Return whether a database takes it: no NUL, no lone surrogates."""
    return "\0" not in text and (text.isascii() or not _has_unstorable(text))


def _has_unstorable(text: str) -> bool:
    return any(unicodedata.category(letter) in _UNSTORABLE for letter in text)


def _wrong(field: str, message: str) -> Refused:
    return Refused(Code.INVALID_REQUEST, f"The {field} {message}.", errors=[{"field": field, "message": message}])
