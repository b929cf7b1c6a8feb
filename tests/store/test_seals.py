"""Seals, worked out a second time from their description (L8)."""

from __future__ import annotations

import hashlib
import hmac
import json

from core.store.seals import SealKey, batch_seal, transfer_seal

KEY = SealKey("k1", b"a secret of thirty-two bytes ....")
SEALS = [bytes(range(16)), bytes(range(16, 32))]


def sealed(previous: bytes, *, batch: int = 7, heads: dict[str, str] | None = None) -> bytes:
    return batch_seal(KEY, writer_id=3, batch=batch, previous=previous, heads=heads, seals=SEALS)


def expected(head: list[object]) -> bytes:
    message = json.dumps(head, separators=(",", ":")).encode() + b"".join(SEALS)
    return hmac.new(KEY.secret, message, hashlib.sha256).digest()


def test_a_batch_is_sealed_over_its_writer_number_previous_seal_heads_and_transfers() -> None:
    assert sealed(b"before") == expected([3, 7, b"before".hex(), None])
    assert sealed(b"", batch=1, heads={"2": "5:ab"}) == expected([3, 1, "", {"2": "5:ab"}])


def test_another_previous_seal_makes_another_seal() -> None:
    """Or a batch could be taken out of the middle of a chain unseen."""
    assert len({sealed(b"before"), sealed(b"another"), sealed(b"")}) == 3


def test_a_transfer_is_sealed_over_its_facts_in_their_order() -> None:
    facts: list[object] = [1, 2, "gift_reserve", None, [[8, 9, -5]]]
    whole = hmac.new(KEY.secret, json.dumps(facts, separators=(",", ":")).encode(), hashlib.sha256).digest()

    assert transfer_seal(KEY, facts) == whole[:16]
    assert transfer_seal(KEY, facts[::-1]) != whole[:16]
