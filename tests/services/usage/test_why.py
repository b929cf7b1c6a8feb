"""Why something can or cannot be spent: what an authorization would be told, and nothing is set aside (S1)."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from core.ledger.credits import ZERO, Credits
from core.ledger.errors import Code, Refused
from core.metering.caps import Period
from core.metering.usage import Usage
from core.services.allowances import caps, plans
from core.services.people import freezes
from core.services.usage import holds, why
from core.services.usage.why import SpendQuestion, WhyView
from core.services.wallet import balances
from tests.support.sample_org import Person, SampleOrg

MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read, 625 written
ONE_CREDIT = 8_000  # tokens


async def asked(org: SampleOrg, person: Person, **question: object) -> WhyView:
    return await why.why(org.ledger, actor=person.actor, question=why.question_of(**question))  # type: ignore[arg-type]


async def with_plan(org: SampleOrg, **windows: int) -> None:
    limits = {window: Credits.of(amount) for window, amount in windows.items()}
    plan = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Pro", **limits)
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.al.id, plan_id=plan.id)


async def use(org: SampleOrg, person: Person, key: str, credits_: int) -> None:
    usage = Usage(MODEL, ONE_CREDIT * credits_)
    hold = await holds.authorize(org.ledger, actor=person.actor, key=key, usage=usage)
    assert hold.item.amount == Credits.of(credits_)


async def test_it_names_every_limit_in_the_order_of_the_payment_and_which_blocks(either_org: SampleOrg) -> None:
    org = either_org
    await with_plan(org, five_hours=10, weekly=100)
    await org.grant(org.al, "5")
    await caps.set_cap(org.ledger, actor=org.ada.actor, subject=org.al.id, period=Period.MONTH, amount=Credits.of(50))
    answer = await asked(org, org.al, amount=Credits.of(20))

    assert [(step.limit, step.headroom, step.blocks) for step in answer.trace] == [
        ("5h", Credits.of(10), True),
        ("weekly", Credits.of(100), False),
        ("cap:month", Credits.of(50), False),
        ("wallet", Credits.of(5), True),
        (f"pool:{org.team}", Credits.of(0), True),
    ]
    assert [step.label for step in answer.trace] == [
        "5-hour allowance",
        "weekly allowance",
        "monthly cap",
        "wallet",
        "pool of Compilers",
    ]
    assert (answer.can, answer.spendable, answer.short) == (False, Credits.of(15), Credits.of(5))
    assert answer.ask_for == Credits.of(5)
    assert answer.sentence == "This needs 20 cr and you can spend 15 cr. Ask for 5 cr more."


async def test_waiting_as_long_as_it_says_and_asking_for_as_much_change_the_answer(org: SampleOrg) -> None:
    await with_plan(org, five_hours=10, weekly=100)
    await use(org, org.al, "u", 8)
    before = await asked(org, org.al, amount=Credits.of(6))
    assert before.wait_until is not None
    assert before.ask_for == Credits.of(4)

    org.clock.advance(before.wait_until - org.clock() - timedelta(seconds=1))
    assert not (await asked(org, org.al, amount=Credits.of(6))).can
    org.clock.advance(timedelta(seconds=1))
    assert (await asked(org, org.al, amount=Credits.of(6))).can


@pytest.mark.parametrize("extra", ["0", "0.000001"])
async def test_it_answers_as_an_authorization_does_to_the_micro_credit(org: SampleOrg, extra: str) -> None:
    """S1: one evaluator; a refused authorization gives the same trace."""
    await with_plan(org, five_hours=1, weekly=100)
    await org.grant(org.al, "2.5")
    exact = (await asked(org, org.al)).spendable
    answer = await asked(org, org.al, amount=exact + Credits.parse(extra))
    tokens = (exact + Credits.parse(extra)).micros * ONE_CREDIT
    usage = Usage(MODEL, -(-tokens // 1_000_000))
    try:
        await holds.authorize(org.ledger, actor=org.al.actor, key="k", usage=usage)
        refused = None
    except Refused as refusal:
        refused = refusal

    assert answer.can == (refused is None) == (extra == "0")
    if refused is not None:
        assert refused.code is Code.INSUFFICIENT_CREDITS
        limits = [step["limit"] for step in cast("list[dict[str, str]]", refused.fields["trace"])]
        assert limits == [step.limit for step in answer.trace]


async def test_as_many_credits_as_it_says_to_ask_for_are_enough(org: SampleOrg) -> None:
    await org.grant(org.al, "2.5")
    before = await asked(org, org.al, amount=Credits.parse("7.123456"))
    assert before.ask_for is not None
    await org.grant(org.al, str(before.ask_for), key="more")

    assert (await asked(org, org.al, amount=Credits.parse("7.123456"))).can


async def test_who_owes_is_told_that_a_grant_repays_that_first(org: SampleOrg) -> None:
    """Asking for what is missing would not help them, unless it is a gift."""
    await org.use(org.bo, 7)
    answer = await asked(org, org.bo, amount=Credits.of(5))
    await org.grant(org.bo, "12")
    after = await asked(org, org.bo, amount=Credits.of(5))

    assert (answer.ask_for, answer.owed) == (Credits.of(5), Credits.of(7))
    assert answer.sentence.endswith("Ask for 5 cr more. What is granted first repays the 7 cr that are owed.")
    assert (after.can, after.owed) == (True, Credits.of(0))


async def test_usage_is_rated_as_an_authorization_would_be(org: SampleOrg) -> None:
    await org.grant(org.al, "5")
    answer = await asked(org, org.al, model=MODEL, tokens=ONE_CREDIT, output_tokens=1_600)
    hold = await holds.authorize(
        org.ledger, actor=org.al.actor, key="k", usage=Usage(MODEL, ONE_CREDIT, output_tokens=1_600)
    )

    assert answer.priced is not None
    assert (answer.priced.amount, answer.priced.card) == (hold.item.amount, hold.item.card)
    assert answer.amount == Credits.of(2)
    assert not answer.priced.is_fallback


async def test_a_model_that_the_card_does_not_know_is_flagged(org: SampleOrg) -> None:
    await org.grant(org.al, "5")
    answer = await asked(org, org.al, model="no-such-model", tokens=10)

    assert answer.priced is not None
    assert answer.priced.is_fallback
    assert "does not know no-such-model" in answer.sentence


async def test_asking_sets_nothing_aside_and_opens_no_window(org: SampleOrg) -> None:
    await with_plan(org, five_hours=10)
    before = await balances.balance(org.ledger, actor=org.al.actor)
    await asked(org, org.al, amount=Credits.of(6))

    assert await balances.balance(org.ledger, actor=org.al.actor) == before


@pytest.mark.parametrize(
    ("used", "sentence"),
    [
        (0, "You can spend 13 cr now: 10 cr of your allowance, then 3 cr of your wallet and pools."),
        (13, "You can spend nothing now. It comes back "),
    ],
)
async def test_asked_for_nothing_it_tells_what_there_is(org: SampleOrg, used: int, sentence: str) -> None:
    await with_plan(org, five_hours=10, weekly=100)
    await org.grant(org.al, "3")
    if used:
        await use(org, org.al, "u", used)
    answer = await asked(org, org.al)

    assert answer.sentence.startswith(sentence)
    assert (answer.amount, answer.can) == (None, not used)


async def capped(org: SampleOrg, amount: str, period: Period) -> None:
    await caps.set_cap(org.ledger, actor=org.ada.actor, subject=org.al.id, period=period, amount=Credits.parse(amount))


async def test_asked_for_nothing_it_tells_the_parts_of_what_can_be_spent(org: SampleOrg) -> None:
    """Nothing of the amount that is tried in the place of one is seen."""
    nothing = await asked(org, org.al)
    assert (nothing.allowance, nothing.lots, nothing.short, nothing.ask_for) == (ZERO, ZERO, ZERO, None)
    assert nothing.sentence == "You can spend nothing now. Ask for credits."

    await with_plan(org, five_hours=10, weekly=100)
    await org.grant(org.al, "3")
    answer = await asked(org, org.al)
    assert (answer.allowance, answer.lots, answer.short) == (Credits.of(10), Credits.of(3), ZERO)


async def test_whom_a_cap_blocks_is_not_sent_to_ask_for_credits(org: SampleOrg) -> None:
    """S1, S5: credits would not help; the cap is what blocks, however the question is put."""
    await org.grant(org.al, "3")
    await capped(org, "0", Period.MONTH)
    general, one = await asked(org, org.al), await asked(org, org.al, amount=Credits.of(1))
    ways = "Your monthly cap forbids it: more credits alone would not help. Ask an admin to raise it."

    assert general.sentence == f"You can spend nothing now. {ways}"
    assert one.sentence == f"This needs 1 cr and you can spend 0 cr. {ways}"
    for answer in (general, one):
        assert [step.limit for step in answer.trace if step.blocks] == ["cap:month"]
        assert (answer.can, answer.ask_for, answer.wait_until) == (False, None, None)


async def test_a_cap_that_is_used_up_is_waited_for_with_credits_in_the_wallet(org: SampleOrg) -> None:
    await org.grant(org.al, "45")
    await capped(org, "5", Period.DAY)
    await use(org, org.al, "u", 5)
    answer = await asked(org, org.al)

    assert answer.wait_until is not None
    assert answer.sentence == (
        "You can spend nothing now. Your daily cap forbids it: more credits alone would not help. "
        f"Wait until {answer.wait_until:%Y-%m-%d} 00:00 UTC or ask an admin to raise it."
    )
    org.clock.advance(answer.wait_until - org.clock())
    assert (await asked(org, org.al)).can


async def test_a_refused_authorization_marks_the_cap_that_no_credits_would_help_against(org: SampleOrg) -> None:
    """S1: the wallet has less than the cap leaves, and both are less than what is asked for."""
    await org.grant(org.al, "3")
    await capped(org, "5", Period.DAY)
    answer = await asked(org, org.al, amount=Credits.of(10))
    with pytest.raises(Refused) as refused:
        await use(org, org.al, "u", 10)

    trace = cast("list[dict[str, object]]", refused.value.fields["trace"])
    blocking = ["cap:day", "wallet", f"pool:{org.team}"]
    assert [step["limit"] for step in trace if step["blocks"]] == blocking
    assert [step.limit for step in answer.trace if step.blocks] == blocking
    assert refused.value.detail == answer.sentence
    assert answer.sentence.endswith("more credits alone would not help. Ask an admin to raise it.")


async def test_a_frozen_wallet_says_so_and_that_no_credits_would_help(org: SampleOrg) -> None:
    await org.grant(org.al)
    await freezes.freeze(org.ledger, actor=org.ada.actor, member_id=org.al.id, reason="lost laptop")
    answer = await why.why(org.ledger, actor=org.ada.actor, question=SpendQuestion(), member_id=org.al.id)

    assert (answer.can, answer.blocked, answer.ask_for) == (False, Code.ACCOUNT_FROZEN, None)
    assert answer.sentence == "This wallet is frozen. Ask an admin to unfreeze it."
    assert answer.trace[0].label == "frozen wallet"


async def test_a_lead_asks_for_their_team_an_admin_for_all_and_nobody_else(org: SampleOrg) -> None:
    for actor, member, seen in (
        (org.al.actor, org.bo.id, True),
        (org.ada.actor, org.bo.id, True),
        (org.bo.actor, org.al.id, False),
        (org.stranger.actor, org.al.id, False),
    ):
        if seen:
            answer = await why.why(org.ledger, actor=actor, question=SpendQuestion(), member_id=member)
            assert answer.member_id == member
        else:
            with pytest.raises(Refused) as refused:
                await why.why(org.ledger, actor=actor, question=SpendQuestion(), member_id=member)
            assert refused.value.code in {Code.NOT_ALLOWED, Code.NOT_FOUND}


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"tokens": 5}, "model"),
        ({"tier": "fast"}, "model"),
        ({"model": MODEL}, "tokens"),
        ({"model": MODEL, "tokens": 5, "input_tokens": 5}, "tokens"),
        ({"model": MODEL, "tokens": 5, "cached_tokens": 6}, "tokens"),
        ({"model": MODEL, "tokens": -5}, "tokens"),
        ({"model": MODEL, "tokens": 10**18}, "tokens"),
        ({"model": MODEL, "tokens": 5, "amount": Credits.of(5)}, "amount"),
        ({"amount": Credits.of(0)}, "amount"),
    ],
)
async def test_a_question_that_means_nothing_is_refused_with_its_field(
    org: SampleOrg, question: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await asked(org, org.al, **question)

    assert refused.value.code is Code.INVALID_REQUEST
    assert [each["field"] for each in _errors(refused.value)] == [field]


def _errors(refused: Refused) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", refused.fields["errors"])
