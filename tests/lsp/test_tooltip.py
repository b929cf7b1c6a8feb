"""What stands behind the status line of resets and allotments that are to come (pure)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lsp.tooltip import tooltip
from lsp.wire import NotUnderstoodError, parse_status
from tests.support.fake_api import full_state

NOW = datetime(2026, 11, 20, 13, 2, tzinfo=UTC)


def shown(**changes: Any) -> str:
    return tooltip(parse_status(full_state(**changes)), problem="", stale_since=None, now=NOW, zone=UTC)


@pytest.mark.parametrize(
    ("banked", "line"),
    [
        ({"count": 1, "expires_at": "2026-11-20T18:00:00Z"}, "- 1 reset banked, until 18:00"),
        ({"count": 3, "expires_at": "2026-11-20T18:00:00Z"}, "- 3 resets banked, until 18:00"),
    ],
)
def test_banked_resets_are_told_with_the_soonest_expiry(banked: dict[str, Any], line: str) -> None:
    assert line in shown(resets_banked=banked).splitlines()


def test_the_next_allotment_is_told_with_its_amount_and_time() -> None:
    coming = {"amount": "1500", "at": "2026-11-20T18:00:00Z"}

    assert "- next allotment 1,500, 18:00" in shown(next_allotment=coming).splitlines()


def test_what_is_owed_is_told_with_what_will_repay_it() -> None:
    assert "- owed 42.07: the next credits you are granted repay it first" in shown(owed="42.07").splitlines()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resets_banked": None, "next_allotment": None},
        {"resets_banked": {"count": 0, "expires_at": None}},
        {"resets_banked": {"count": 1, "expires_at": "2026-11-20T13:02:00Z"}},
        {"next_allotment": {"amount": "5", "at": "2026-11-20T13:02:00Z"}},
    ],
)
def test_what_is_over_or_not_there_is_not_told(changes: dict[str, Any]) -> None:
    assert "reset" not in shown(**changes)
    assert "allotment" not in shown(**changes)
    assert "owed" not in shown(**changes)


@pytest.mark.parametrize("count", [True, "1", None])
def test_a_count_that_is_no_number_is_nonsense(count: object) -> None:
    with pytest.raises(NotUnderstoodError):
        parse_status(full_state(resets_banked={"count": count, "expires_at": None}))


@pytest.mark.parametrize(
    ("giftable", "left", "rule", "line"),
    [
        ("4998", "500", "credits_per_gift", "can give up to 500 in one gift"),
        ("4998", "120", "credits_per_day", "can give 120 more today (daily limit)"),
        ("4998", "0", "gifts_per_day", "can't send more gifts today (daily limit)"),
        ("4998", "0", "verified_sender", "only verified members can give"),
        ("4998", "0", "a rule of tomorrow", "can't give right now"),
        ("4998", "70", None, "can give up to 70"),
        ("300", "500", "credits_per_gift", "can give 300"),
        ("300", None, None, "can give 300"),
    ],
)
def test_the_limit_that_holds_for_the_next_gift_is_named(
    giftable: str, left: str | None, rule: str | None, line: str
) -> None:
    lines = shown(giftable=giftable, gift_limit_left=left, gift_limit_rule=rule).splitlines()

    assert f"- {line}" in lines
