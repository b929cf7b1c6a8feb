"""How an editor opts in, by capability or by initializationOptions (DESIGN section 8, Editor)."""

from decimal import Decimal
from typing import Any

import pytest

from lsp.client_info import Push, read, threshold
from lsp.payload import Threshold

V1 = {"creditsStatus": {"version": 1}}


@pytest.mark.parametrize(
    ("experimental", "options", "push"),
    [
        (V1, None, Push.STATUS),
        (None, V1, Push.STATUS),
        (None, None, Push.NOTHING),
        ({"creditsStatus": {"version": 2}}, None, Push.NOTHING),
        ({"creditsStatus": True}, None, Push.NOTHING),
        ({"serverStatusNotification": True}, None, Push.SERVER_STATUS),
        ({"serverStatusNotification": True}, V1, Push.SERVER_STATUS),
        ({"serverStatusNotification": False}, V1, Push.STATUS),
        ([1, 2], "nonsense", Push.NOTHING),
    ],
)
def test_an_editor_is_told_in_the_way_it_asked_for(experimental: Any, options: Any, push: Push) -> None:
    assert read("Ed", experimental, options).push is push


def test_a_threshold_is_credits_as_text_or_percent_as_a_number() -> None:
    assert threshold("500") == Threshold(amount=Decimal(500))
    assert threshold(20) == Threshold(share=Decimal("0.2"))


@pytest.mark.parametrize("nonsense", ["many", -1, 101, True, [], "-5", float("nan")])
def test_a_threshold_that_makes_no_sense_is_the_default(nonsense: Any) -> None:
    assert threshold(nonsense) == Threshold()
