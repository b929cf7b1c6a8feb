"""Seals: what makes tampering evident (L8).

Each transfer is sealed with an HMAC over its own facts, its lines, and the lot or gift it made. Each batch is
sealed over its transfers' seals and the writer's previous seal, so that rows cannot be taken out, put in or
swapped by somebody without the key. What lies beyond the last exported head can still be cut off unseen.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

SEAL_BYTES: Final = 16
LATER: Final = ("tier", "allowance", "overage", "happened_at")  # of a usage event: sealed by name where they are set


@dataclass(frozen=True, slots=True)
class SealKey:
    """A sealing key and the name by which rows refer to it, so that keys can be rotated."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SealKey({self.key_id!r})"


def transfer_seal(key: SealKey, facts: list[Any]) -> bytes:
    """Return the seal of one transfer; ``facts`` are JSON values in a fixed order."""
    return _hmac(key.secret, orjson.dumps(facts, default=repr))[:SEAL_BYTES]


def batch_seal(
    key: SealKey,
    *,
    writer_id: int,
    batch: int,
    previous: bytes,
    heads: Mapping[str, str] | None,
    seals: Iterable[bytes],
) -> bytes:
    """Return the seal of a batch over the seals of its transfers in id order."""
    head = orjson.dumps([writer_id, batch, previous.hex(), heads], option=orjson.OPT_SORT_KEYS)
    return _hmac(key.secret, head + b"".join(seals))


def _hmac(secret: bytes, message: bytes) -> bytes:
    code = _begun(secret).copy()
    code.update(message)
    return code.digest()


@lru_cache(maxsize=16)
def _begun(secret: bytes) -> hmac.HMAC:
    """Return the code of a key before its message: to look up its digest by name takes half of the time."""
    return hmac.new(secret, digestmod="sha256")


def transfer_facts(
    transfer: Sequence[Any],
    note_hash: bytes | None,
    lines: Sequence[Sequence[Any]],
    made: Sequence[Any] | None,
    windows: Iterable[Sequence[Any]] = (),
) -> list[Any]:
    """Return what is sealed of a transfer, from its stored values.

    ``transfer`` is (org, id, kind, at, actor, cause, settles_at); ``lines`` are (account, lot, amount) in order.
    ``made`` is what it made, by its stored values without the organization: of a lot or usage event all
    columns (``LATER`` ones only if set), of a gift (id, sender account, recipient's organization and account, amount,
    created_at), of a hold what was authorized; none of it ever changes. ``windows`` are its postings to windows.
    """
    return [*transfer, None if note_hash is None else note_hash.hex(), lines, made, *windows]
