"""What commands share: a digest of their content."""

from __future__ import annotations

import hashlib
from datetime import datetime

import orjson

DIGEST_BYTES = 16


def digest_of(*content: str | int | None) -> bytes:
    """Return a digest of a command's parsed content, by which the same key with other content is told (L6)."""
    return hashlib.sha256(orjson.dumps(content)).digest()[:DIGEST_BYTES]


def stamp(moment: datetime) -> str:
    """Return a moment as programs read it in notices and refusals (RFC 3339, UTC)."""
    return moment.isoformat().replace("+00:00", "Z")
