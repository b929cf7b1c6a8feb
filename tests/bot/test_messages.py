"""The messages, as data: complete, safe to show and within Slack's limits."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.errors import ERROR_MESSAGES, error_message
from bot.messages import balances, gifts, links, usage_help
from bot.messages.blocks import MAX_BLOCKS, Message, button, message, section
from bot.messages.notices import is_news, notice
from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.ledger.gifts import OPEN, GiftState
from core.ledger.lots import Source
from core.services.common.actors import Scope
from core.services.common.views import (
    AllowanceView,
    BoostView,
    NextAllotmentView,
    ResetsView,
    SliceView,
    StatementLineView,
    UsageView,
)
from core.services.people.devices import DeviceView
from tests.support.gift_views import BO, NOW, a_balance, a_gift_view


def valid(reply: Message) -> str:
    """Check a message with Slack's own models and return all of it as one text."""
    payload = reply.payload()
    assert 0 < len(payload["text"]) <= 4000
    assert 0 < len(payload["blocks"]) <= MAX_BLOCKS
    for block in Block.parse_all(payload["blocks"]):
        block.validate_json()
    return json.dumps(payload, ensure_ascii=False)


@pytest.mark.parametrize("state", GiftState)
@pytest.mark.parametrize("view", [gifts.for_sender, gifts.for_recipient])
def test_a_gift_has_a_button_exactly_while_it_is_open(state: GiftState, view: Any) -> None:
    text = valid(view(a_gift_view(state=state, reason="why")))

    assert ('"type": "button"' in text) == (state in OPEN)
    assert "500 cr" in text


def test_a_button_holds_the_opaque_id_and_nothing_else() -> None:
    actions = [block for block in gifts.for_sender(a_gift_view()).blocks if block["type"] == "actions"]

    assert [element["value"] for block in actions for element in block["elements"]] == ["gift_1"]


def test_a_button_refuses_a_text_as_its_value() -> None:
    with pytest.raises(ValueError, match="id"):
        button("x", action_id="y", value="z" * 2001)


def test_the_sender_reads_who_how_much_and_until_when_it_can_be_undone() -> None:
    text = gifts.for_sender(a_gift_view()).text

    assert "<@U0BO>" in text
    assert "*500 cr*" in text
    assert f"<!date^{int((NOW + timedelta(hours=24)).timestamp())}^" in text
    assert ">thanks for the review" in text


def test_a_message_can_neither_ping_nor_pretend() -> None:
    text = valid(gifts.for_recipient(a_gift_view(message="<!channel> & <@U1>\n*bye*")))

    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt; *bye*" in text


def test_people_without_slack_are_named_in_writing() -> None:
    nobody = a_gift_view(recipient=type(BO)("mem_c", "Cy <3"))

    assert "Cy &lt;3" in gifts.for_sender(nobody).text


def test_gifts_to_several_people_are_listed_each_with_its_own_way_back() -> None:
    text = valid(gifts.gift_sent([a_gift_view(id=f"gift_{n}") for n in range(1, 11)]))

    assert text.count('"action_id": "list_cancel"') == 10
    assert "500 cr each" in text


def test_the_pending_list_offers_cancel_on_sent_and_decline_on_received_gifts() -> None:
    text = valid(gifts.pending([a_gift_view(id="gift_1"), a_gift_view(id="gift_2")], me="mem_b"))

    assert text.count("list_decline") == 2
    assert valid(gifts.pending([a_gift_view()], me="mem_a")).count("list_cancel") == 1


def test_a_long_pending_list_stays_within_slacks_limits() -> None:
    valid(gifts.pending([a_gift_view(id=f"gift_{n}", message="m" * 280) for n in range(1, 100)], me="mem_a"))


def test_no_pending_gifts_are_an_answer_too() -> None:
    assert "No gifts are pending" in valid(gifts.pending([], me="mem_a"))


def test_the_balance_says_what_can_be_spent_given_and_what_ends_when() -> None:
    state = a_balance(
        pool=Credits.of(210),
        held_gifts=Credits.of(500),
        held_usage=Credits.of(1),
        owed=Credits.of(3),
        incoming=Credits.of(7),
        resets_banked=ResetsView(2, NOW),
        next_allotment=NextAllotmentView(Credits.of(1_500), NOW),
        lots=(SliceView("lot_1", Source.PROMO, Credits.of(9), NOW),),
        allowance=(AllowanceView("5h", Credits.of(100), Credits.of(20), NOW),),
        boost=BoostView(10, NOW),
        blocked=("account_frozen", "Your wallet is frozen."),
    )
    text = valid(balances.balance(state))

    for part in (
        "4,210 cr",
        "210 cr",
        "500 cr",
        "7 cr",
        "promo",
        "5-hour allowance",
        "10× boost",
        "frozen",
        "up to 500 cr",
        "granted: 3 cr",
        "2 resets banked, until",
        "next allotment: 1,500 cr",
    ):
        assert part in text


def test_nothing_to_give_is_said_plainly() -> None:
    assert (
        "You can't give right now"
        in balances.balance(a_balance(gift_limit_left=ZERO)).payload()["blocks"][1]["text"]["text"]
    )
    assert "Nothing to give right now" in json.dumps(balances.balance(a_balance(giftable=ZERO)).payload())


def test_the_history_shows_signs_words_and_notes_escaped() -> None:
    line = StatementLineView("tr_1", NOW, "gift_settle", -Credits.of(5), "Bo", "a <b>", ())
    text = valid(balances.history([line] * 30))

    assert text.count("−5 cr") == 2 * balances.MAX_LINES
    assert "a &lt;b&gt;" in text
    assert "gift settle" in text
    assert "Nothing has moved" in valid(balances.history([]))


def test_the_history_tells_what_was_used_and_what_is_owed_for_it() -> None:
    """S2: a late capture and its overage are visible, also where the wallet gave nothing."""
    usage = UsageView(
        "gpt-6",
        "card",
        True,
        None,
        Credits.of(9),
        Credits.of(4),
        Credits.of(5),
        is_late=True,
    )
    text = valid(balances.history([StatementLineView("tr_1", NOW, "capture", ZERO, None, None, (), usage)]))

    assert "*0 cr* capture · gpt-6 9 cr, 4 cr included, 5 cr owed, default rate, late" in text


def test_the_home_tab_is_a_home_view_within_its_limits() -> None:
    view = balances.home(balances.balance(a_balance()))

    assert view["type"] == "home"
    assert "4,210 cr" in valid(Message("home", tuple(view["blocks"])))


def test_a_device_shows_what_asks_from_where_and_for_what_before_anything_is_given() -> None:
    device = DeviceView("Neovim on <host>", "10.0.0.1", tuple(Scope), NOW)
    text = valid(links.asked("WDJB-MJHT", device))

    for part in ("Neovim on &lt;host&gt;", "10.0.0.1", "give credits in your name", "link_approve", "link_deny"):
        assert part in text
    for reply in (links.approved("x"), links.denied("x"), links.how_to()):
        valid(reply)


@pytest.mark.parametrize("code", Code)
def test_every_refusal_has_words_for_slack(code: Code) -> None:
    reply = error_message(Refused(code, "Only <b> {this} & that."))

    assert code in ERROR_MESSAGES
    assert "<b>" not in valid(reply)
    assert reply.is_refusal


def test_help_shows_examples() -> None:
    assert "/gift-credits @bo 500" in valid(usage_help.gift_help())
    assert "/credits freeze" in valid(usage_help.help_message())
    assert "frobnicate" in valid(usage_help.unknown_command("frobnicate"))


KINDS = ("gift_sent", "gift_incoming", "gift_settled_sender", "gift_received", "gift_cancelled", "gift_declined")


@pytest.mark.parametrize("kind", [*KINDS, "grant_received", "signed_in"])
@pytest.mark.parametrize("reader", ["U0AL", "U0BO"])
def test_every_notice_is_a_message_with_or_without_its_gift(kind: str, reader: str) -> None:
    body = {"text": "Bo gave you <500> cr"}

    assert "500" in valid(notice(kind, a_gift_view(), body, reader=reader, spendable=Credits.of(700)))
    assert "&lt;500&gt;" in valid(notice(kind, None, body, reader=reader))
    assert "changed" in valid(notice(kind, None, {}, reader=reader))


def test_a_message_of_its_own_is_for_what_somebody_did_not_do_themselves() -> None:
    news = {
        (kind, reader) for kind in KINDS for reader in ("U0AL", "U0BO") if is_news(kind, a_gift_view(), reader=reader)
    }

    assert news == {("gift_received", "U0BO"), ("gift_received", "U0AL"), ("gift_declined", "U0AL")}


@given(st.text(min_size=1, max_size=6000))
def test_no_text_is_too_long_for_a_message(text: str) -> None:
    valid(message(*[section(text)] * 60))
