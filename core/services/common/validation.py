"""The limits of what people type, and the one rule for idempotency keys. Every front end checks by these."""

from __future__ import annotations

import re
from typing import Final

from core.ledger.errors import Code, Refused
from core.services.common.text import is_storable

KEY_LENGTH: Final = 255
MESSAGE_LENGTH: Final = 500  # of a message or a reason, in characters
MAX_RECIPIENTS: Final = 20  # of one gift

_KEY: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def checked_key(key: str) -> str:
    """Return an idempotency key: 1 to 255 printable ASCII characters, no space at either end (L6).

    Raises Refused(invalid_request).
    """
    if len(key) > KEY_LENGTH or _KEY.fullmatch(key) is None:
        message = f"must have 1 to {KEY_LENGTH} printable ASCII characters, and no space at either end"
        errors = [{"field": "Idempotency-Key", "message": message}]
        raise Refused(Code.INVALID_REQUEST, f"The idempotency key {message}.", errors=errors)
    return key


def checked_words(text: str | None, field: str) -> str | None:
    """Return a message or reason without surrounding space, or None if it's empty. Raises Refused(invalid_request)."""
    words = (text or "").strip()
    if len(words) > MESSAGE_LENGTH or not is_storable(words):
        sentence = f"The {field} may have at most {MESSAGE_LENGTH} characters of plain text."
        raise Refused(Code.INVALID_REQUEST, sentence, field=field)
    return words or None
