"""Reading the server's status: tolerant to what is new, strict about what the display rests on."""

from typing import Any

import pytest

from lsp.wire import NotUnderstoodError, parse_status
from tests.support.fake_api import full_state


def test_unknown_fields_and_missing_extras_are_no_trouble() -> None:
    least = {"version": 1, "as_of": "2026-11-20T13:02:00Z", "spendable": "7", "new": {"a": 1}}
    status = parse_status(least)

    assert status.spendable == 7
    assert status.incoming == 0
    assert status.notices == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"spendable": None},
        {"spendable": 4210},
        {"spendable": "-5"},
        {"spendable": "1e9"},
        {"spendable": "٥٠٠"},
        {"spendable": "NaN"},
        {"as_of": None},
        {"as_of": "yesterday"},
        {"as_of": "2026-11-20T13:02:00"},
        {"as_of": 5},
        {"held": []},
        {"allowance": {}},
        {"allowance": [{"window": "5h"}]},
        {"boost": {"factor": True}},
        {"boost": {"factor": "many"}},
        {"notices": [{"text": "no id"}]},
        {"blocked": "yes"},
    ],
)
def test_nonsense_is_an_error_and_never_a_number(changes: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstoodError):
        parse_status({**full_state(), **changes})


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_an_error(body: object) -> None:
    with pytest.raises(NotUnderstoodError):
        parse_status(body)
