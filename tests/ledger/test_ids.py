"""Ids: integers in commit order inside, opaque prefixed strings outside."""

from __future__ import annotations

import pytest

from core.ledger.accounts import AccountKind, account_id
from core.ledger.errors import Code, Refused
from core.ledger.ids import MAX_ID, SEQUENCE_BITS, Prefix, first_id_of, parse_id, shown_id


@pytest.mark.parametrize("prefix", Prefix)
@pytest.mark.parametrize("number", [1, 31, 32, 33, 2**36 + 1, MAX_ID])
def test_an_id_comes_back_from_its_outside_form(prefix: Prefix, number: int) -> None:
    assert parse_id(prefix, shown_id(prefix, number)) == number


@pytest.mark.parametrize(
    ("number", "text"), [(1, "gift_1"), (31, "gift_z"), (32, "gift_10"), (MAX_ID, "gift_" + "z" * 12)]
)
def test_the_outside_form_is_lower_case_base_32(number: int, text: str) -> None:
    assert shown_id(Prefix.GIFT, number) == text


@pytest.mark.parametrize("number", [0, -1, MAX_ID + 1])
def test_what_is_no_id_has_no_outside_form(number: int) -> None:
    with pytest.raises(ValueError, match="is no id"):
        shown_id(Prefix.GIFT, number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "gift",
        "gift_",
        "gift_0",
        "gift_01",
        "gift_i",
        "gift_1l",
        "gift_O",
        "gift_A",
        "gift_u",
        "gift_-1",
        "gift_ 1",
        "gift_1 ",
        "gift_1\n",
        "gift_1\x00",
        "gift__1",
        "gift_gift_1",
        " gift_1",
        "GIFT_1",
        "mem_1",
        "1",
        "gift_١",
        "gift_²",
        "gift_\ud800",
        "gift_" + "z" * 13,
        pytest.param("gift_" + "1" * 100_000, id="a very long one"),
        "gift_1' OR '1'='1",
    ],
)
def test_what_this_house_never_issued_is_not_found(text: str) -> None:
    """One id has one outside form, so that nobody names a thing in two ways."""
    with pytest.raises(Refused, match=r"Gift .* not found") as caught:
        parse_id(Prefix.GIFT, text)

    assert caught.value.code is Code.NOT_FOUND
    assert len(caught.value.detail) < 400
    assert caught.value.detail.isprintable()


def test_ids_of_a_later_writer_are_all_greater() -> None:
    last_of_first = first_id_of(1) + 2**SEQUENCE_BITS - 2

    assert first_id_of(0) == 1
    assert last_of_first < first_id_of(2)
    assert first_id_of(2) == 2 * 2**SEQUENCE_BITS + 1


def test_the_last_writer_still_gives_ids_that_fit() -> None:
    last = MAX_ID >> SEQUENCE_BITS

    assert first_id_of(last) <= MAX_ID
    assert account_id(MAX_ID, AccountKind.CLEARING) < 2**63
    for writer in (-1, last + 1):
        with pytest.raises(ValueError, match="is no writer"):
            first_id_of(writer)
