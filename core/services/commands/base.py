"""What commands share: a digest of their content."""

from __future__ import annotations

import hashlib

import orjson

DIGEST_BYTES = 16


def digest_of(*content: str | int | None) -> bytes:
    """Return a digest of a command's parsed content, by which the same key with other content is told (L6)."""
    return hashlib.sha256(orjson.dumps(content)).digest()[:DIGEST_BYTES]
