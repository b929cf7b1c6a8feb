"""How much somebody can give, in words: the limit that holds for the next gift is named."""

from __future__ import annotations

import pytest

from core.ledger.credits import ZERO, Credits
from core.services.gifts.messages import giftable_text
from tests.support.gift_views import a_balance


@pytest.mark.parametrize(
    ("left", "rule", "text"),
    [
        (Credits.of(500), "credits_per_gift", "You can give up to 500 cr in one gift"),
        (Credits.of(120), "credits_per_day", "You can give 120 cr more today (daily limit)"),
        (ZERO, "gifts_per_day", "You've sent as many gifts as you can in 24 hours"),
        (ZERO, "credits_per_day", "You've given as much as you can in 24 hours"),
        (ZERO, "verified_sender", "Only verified members can give"),
        (ZERO, None, "You can't give right now"),
        (Credits.of(5_000), "credits_per_gift", "You can give up to 4,998 cr"),
        (None, None, "You can give up to 4,998 cr"),
    ],
)
def test_the_limit_of_the_next_gift_is_named(left: Credits | None, rule: str | None, text: str) -> None:
    assert giftable_text(a_balance(giftable=Credits.of(4_998), gift_limit_left=left, gift_limit_rule=rule)) == text


def test_without_anything_to_give_no_limit_is_named() -> None:
    assert giftable_text(a_balance(giftable=ZERO, gift_limit_rule="credits_per_gift")) == "Nothing to give right now"
