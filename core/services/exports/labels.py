"""How exports and statements write moments, ids and people's words. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, overload

from core.ledger.ids import Prefix, shown_id
from core.ledger.transfers import OF_GIFTS, OF_HOLDS, TransferKind

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SYSTEM: Final = 0  # the actor of what the house does by itself
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@overload
def moment(at: datetime) -> str: ...
@overload
def moment(at: None) -> None: ...
@overload
def moment(at: datetime | None) -> str | None: ...
def moment(at: datetime | None) -> str | None:
    """Return a moment as RFC 3339 in UTC, exact."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def actor_name(actor_id: int) -> str | None:
    """Return who acted; None is the house itself."""
    return None if actor_id == _SYSTEM else shown_id(Prefix.MEMBER, actor_id)


def gift_name(gift_id: int | None) -> str | None:
    return None if gift_id is None else shown_id(Prefix.GIFT, gift_id)


def cause_name(kind: TransferKind, cause_id: int | None) -> str | None:
    """Return the gift, hold or charge that a transfer belongs to, by the name that it has elsewhere."""
    if cause_id is None:
        return None
    if kind in OF_HOLDS:
        return shown_id(Prefix.HOLD, cause_id)
    return shown_id(Prefix.GIFT if kind in OF_GIFTS else Prefix.TRANSFER, cause_id)


def lot_name(lot_id: int) -> str:
    return shown_id(Prefix.LOT, lot_id)


def cell(words: str | None) -> str:
    """Return words for a CSV cell that no spreadsheet takes for a formula."""
    return f"'{words}" if words and words.startswith(_FORMULA) else words or ""


def quoted(words: str) -> str:
    """Return a Beancount string that reads back as these very words."""
    return f'"{words.translate(_ESCAPES)}"'
