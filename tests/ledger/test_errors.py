"""Refusals: a stable code, a sentence for people and facts for programs."""

from __future__ import annotations

import re

from core.ledger.errors import Code, Refused


def test_a_refusal_carries_its_code_sentence_and_facts() -> None:
    refused = Refused(Code.INSUFFICIENT_GIFTABLE, "You can give 210 cr.", giftable="210")

    assert refused.code is Code.INSUFFICIENT_GIFTABLE
    assert refused.detail == "You can give 210 cr."
    assert refused.fields == {"giftable": "210"}
    assert str(refused) == "insufficient_giftable: You can give 210 cr."


def test_codes_are_plain_words_that_never_repeat() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value) for code in Code)
    assert all(code.value == code.name.lower() for code in Code)
