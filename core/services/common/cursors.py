"""Cursors: where a list goes on. Opaque to callers; nothing in them is trusted."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Final

from core.ledger.errors import Code, Refused
from core.ledger.ids import MAX_ID
from core.services.common.text import is_storable

MAX_LIMIT: Final = 200
_MAX_LENGTH: Final = 600


def cursor_of(*place: str | int) -> str:
    """Return the cursor of a place in a list: the sort key of the last item shown."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str, kinds: Sequence[type]) -> tuple[str | int, ...]:
    """Read a cursor back. Raises Refused(invalid_request) for anything this house never gave out."""
    if len(cursor) > _MAX_LENGTH:
        raise _wrong()
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _wrong() from None
    if not isinstance(place, list) or [type(part) for part in place] != list(kinds):
        raise _wrong()
    if not all(0 <= part <= MAX_ID if isinstance(part, int) else is_storable(part) for part in place):
        raise _wrong()
    return tuple(place)


def checked_limit(limit: int) -> int:
    """Return the size of a page. Raises Refused(invalid_request) outside 1 to 200."""
    if not 1 <= limit <= MAX_LIMIT:
        message = f"must be from 1 to {MAX_LIMIT}"
        raise Refused(Code.INVALID_REQUEST, f"The limit {message}.", errors=[{"field": "limit", "message": message}])
    return limit


def _wrong() -> Refused:
    message = "is not one of ours; take next_cursor of the page before"
    return Refused(Code.INVALID_REQUEST, f"The cursor {message}.", errors=[{"field": "cursor", "message": message}])
