"""What people type after /gift-credits, and what a slip is answered with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parsing import GiftCommand, UsageError, parse_gift
from core.ledger.credits import MAX_TRANSFER, ZERO, Credits
from core.services.common.validation import MAX_RECIPIENTS, MESSAGE_LENGTH


def read(text: str) -> tuple[GiftCommand | None, UsageError | None]:
    try:
        return parse_gift(text), None
    except UsageError as slip:
        return None, slip


def slip_of(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse_gift(text)
    return caught.value


@pytest.mark.parametrize("text", ["<@U02BO|bo> 500 thanks", "<@U02BO> 500 thanks", "<@U02BO|>  500\tthanks "])
def test_a_mention_with_or_without_its_name_an_amount_and_a_reason_are_a_gift(text: str) -> None:
    assert parse_gift(text) == GiftCommand(("U02BO",), Credits.of(500), "thanks")


def test_without_a_reason_there_is_none() -> None:
    assert parse_gift("<@U02BO> 12.5").reason is None


@pytest.mark.parametrize(
    "text", ["<@U1> <@W2> 500", "<@U1>, <@W2> 500", "<@U1><@W2> 500", "<@U1> and <@W2> 500", "<@U1> &amp; <@W2> 500"]
)
def test_several_people_are_named_before_the_amount(text: str) -> None:
    assert parse_gift(text).user_ids == ("U1", "W2")


@pytest.mark.parametrize(
    ("typed", "exact"),
    [
        ("500", "500"),
        ("1,000", "1000"),
        ("1,234,567.89", "1234567.89"),
        ("0.01", "0.01"),
        ("1,000,000,000", f"{10**9}"),
    ],
)
def test_amounts_are_ascii_digits_with_grouping_and_two_decimals(typed: str, exact: str) -> None:
    assert parse_gift(f"<@U1> {typed}").amount == Credits.parse(exact)


def test_no_break_and_invisible_characters_do_not_matter() -> None:
    order = parse_gift("\u2066<@U1|bo>\u2069\u00a0500\u202f\u200bthanks\u00a0a\u00a0lot\ufeff")

    assert order == GiftCommand(("U1",), Credits.of(500), "thanks a lot")


def test_the_reason_is_unescaped_once_and_can_ping_nobody() -> None:
    order = parse_gift(
        "<@U1> 500 1 &lt; 2 &amp;amp; <!here> <#C1|general> <@U9|cy> <mailto:a@b.c|a@b.c> <https://x.y|z>"
    )

    assert order.reason == "1 < 2 &amp; @here #general @cy a@b.c z"


def test_a_reason_may_contain_the_word_payload_and_an_escaped_mention_stays_text() -> None:
    assert parse_gift("<@U1> 500 the payload fix &lt;@U2&gt;").reason == "the payload fix <@U2>"


def test_the_unit_may_be_written_after_the_amount() -> None:
    assert parse_gift("<@U1> 500 cr for lunch") == GiftCommand(("U1",), Credits.of(500), "for lunch")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("500.005", "500"),
        ("12.349", "12.34"),
        ("1e9", "1,000,000,000"),
        ("1.5e3", "1,500"),
        ("-5", "5"),
        ("−5", "5"),
        ("+5", "5"),
        ("٥٠٠", "500"),
        ("1_000", "1,000"),
        ("1'000", "1,000"),
        ("12,5", "12.5"),
        ("1.000,50", "1,000.5"),
        ("10,00,0", "10,000"),
        ("500cr", "500"),
        ("0", "500"),
        ("0.00", "500"),
        ("1000000001", "1,000,000,000"),
        ("99999999999", "500"),
        ("1e99999", "500"),
        ("²", "500"),
    ],
)
def test_a_slip_in_the_amount_repeats_the_input_with_what_was_meant(typed: str, meant: str) -> None:
    assert slip_of(f"<@U1|bo> {typed} thanks").corrected.startswith(f"/gift-credits <@U1> {meant} ")  # type: ignore[union-attr]
    assert typed in slip_of(f"<@U1|bo> {typed} thanks").hint or typed in {"0", "0.00", "1000000001"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("@bo 500", "pick the name"),
        ("bo 500", "Type @"),
        ("<!subteam^S1|@team> 500", "user group"),
        ("<!here> 500", "everyone"),
        ("<!channel> 500", "everyone"),
        ("<#C1|general> 500", "channel"),
        ("<mailto:bo@x.y|bo@x.y> 500", "email"),
        ("bo@x.y 500", "email"),
        ("", "Who is it for"),
        ("500", "Who is it for"),
    ],
)
def test_whoever_is_not_a_person_by_mention_is_refused_with_a_hint(text: str, word: str) -> None:
    assert word in slip_of(text).hint


def test_the_wrong_order_is_turned_round() -> None:
    assert slip_of("500 <@U1|bo> thanks").corrected == "/gift-credits <@U1> 500 thanks"
    assert slip_of("<@U1> thanks 500").corrected == "/gift-credits <@U1> 500 thanks"


def test_somebody_named_after_the_amount_would_get_nothing_so_it_is_refused() -> None:
    assert slip_of("<@U1> 500 <@U2> thanks").corrected == "/gift-credits <@U1> <@U2> 500 thanks"
    assert slip_of("<@U1> 500 <@U2> 300").corrected == "/gift-credits <@U1> <@U2> 500"


def test_naming_somebody_twice_too_many_people_or_too_long_a_reason_is_refused() -> None:
    assert slip_of("<@U1> <@U1> 500").corrected == "/gift-credits <@U1> 500"
    assert str(MAX_RECIPIENTS) in slip_of(" ".join(f"<@U{n}>" for n in range(MAX_RECIPIENTS + 1)) + " 5").hint
    assert str(MESSAGE_LENGTH) in slip_of(f"<@U1> 500 {'x' * (MESSAGE_LENGTH + 1)}").hint


def test_a_missing_amount_is_asked_for() -> None:
    assert slip_of("<@U1|bo>").hint == "How many credits?"


def test_what_was_typed_is_escaped_in_the_hint() -> None:
    assert "&lt;b&gt;" in slip_of("<@U1> &lt;b&gt;").hint


@given(st.text(max_size=200) | st.from_regex(r"(<@U[0-9A-Z]{1,5}>[ ,]*){0,3}[-+0-9.,eE_٠-٩ ]{0,12}.{0,40}"))
def test_anything_at_all_is_a_gift_within_the_bounds_or_a_slip(text: str) -> None:
    order, slip = read(text)

    if order is not None:
        assert ZERO < order.amount <= MAX_TRANSFER
        assert 1 <= len(set(order.user_ids)) == len(order.user_ids) <= MAX_RECIPIENTS
    if slip is not None:
        assert 0 < len(slip.hint + (slip.corrected or "")) < 1000


@given(st.text(max_size=300))
def test_the_corrected_form_of_an_amount_can_be_typed_as_it_stands(word: str) -> None:
    _, slip = read(f"<@U1> {word}")

    if slip is not None and slip.corrected and "…" not in slip.corrected:
        assert parse_gift(slip.corrected.removeprefix("/gift-credits ")).user_ids
