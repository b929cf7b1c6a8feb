"""The real sidecar at the real app: why, and a threshold that is told once for all windows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.api.app import create_app
from core.api.server import Server
from core.ledger.credits import Credits
from core.metering.usage import Usage
from core.services.allowances import caps, plans
from core.services.usage import charges, ratecards
from tests.support.builders import some_settings
from tests.support.editor_window import EditorWindow
from tests.support.sample_org import SampleOrg, org
from tests.support.waiting import eventually

__all__ = ["org"]

MODEL = "claude-opus-4-5-20251101"  # 125 credits per million tokens read
ONE_CREDIT = 8_000  # tokens


@pytest.fixture
async def url(org: SampleOrg) -> AsyncIterator[str]:
    """The address of the app, served in this process."""
    served = Server(create_app(org.ledger, some_settings()), host="127.0.0.1", port=0)
    task = asyncio.create_task(served.serve())
    while not served.started:
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{served.port}"
    served.should_exit = True
    await task


async def test_why_is_asked_with_or_without_a_question(org: SampleOrg, url: str, tmp_path: Path) -> None:
    await org.grant(org.bo, "5")
    async with (
        EditorWindow(url, tmp_path, token=org.bo.token) as window,
        EditorWindow(url, tmp_path, token=org.bo.token, experimental={}) as plain,
    ):
        await window.shows("5 cr")
        general = await window.run("credits.why")
        amount = await window.run("credits.why", {"amount": "1,000"})
        model = await window.run("credits.why", {"model": MODEL, "tokens": ONE_CREDIT})
        wrong = await window.run("credits.why", {"tokens": 5})
        nonsense = await window.run("credits.why", {"model": MODEL, "tokens": "many"})

        assert general["message"] == "You can spend 5 cr now."
        assert (await plain.run("credits.why"))["message"] in plain.messages
        assert amount["message"] == "This needs 1,000 cr and you can spend 5 cr. Ask for 995 cr more."
        assert (amount["can"], amount["ask_for"], amount["trace"][0]["blocks"]) == (False, "995", True)
        assert (model["can"], model["priced"]["amount"]) == (True, "1")
        assert wrong == {"code": "invalid_request", "message": "Say which model the tokens are of."}
        assert nonsense["code"] == "invalid_request"


async def test_a_cap_of_zero_shows_as_blocked(org: SampleOrg, url: str, tmp_path: Path) -> None:
    """S5: the editor says why nothing can be spent although the wallet holds something."""
    await org.grant(org.bo, "3")
    none = Credits.of(0)
    async with EditorWindow(url, tmp_path, token=org.bo.token) as window:
        await window.shows("3 cr")
        await caps.set_cap(org.ledger, actor=org.ada.actor, subject=org.bo.id, period=caps.Period.MONTH, amount=none)
        await window.shows("0 cr · blocked")

        assert window.payloads[-1]["kind"] == "blocked"
        assert "monthly cap is 0" in window.payloads[-1]["ariaLabel"]


async def test_a_threshold_is_shown_by_one_window_only(org: SampleOrg, url: str, tmp_path: Path) -> None:
    """S5: once per person and window of the allowance, and by the first editor window that claims it."""
    plan = await plans.create_plan(org.ledger, actor=org.ada.actor, name="Pro", weekly=Credits.of(100))
    await plans.give_plan(org.ledger, actor=org.ada.actor, subject=org.bo.id, plan_id=plan.id)
    card = await ratecards.card_at(org.ledger, org_id=org.bo.actor.org_id, at=org.clock())
    async with (
        EditorWindow(url, tmp_path, token=org.bo.token) as one,
        EditorWindow(url, tmp_path, token=org.bo.token) as other,
    ):
        await eventually(
            lambda: all(each.payloads and each.payloads[-1]["spendable"] == "100" for each in (one, other))
        )
        for key in ("a", "b"):
            await charges.charge(
                org.ledger,
                org_id=org.bo.actor.org_id,
                member_id=org.bo.actor.member_id,
                source="test",
                event_id=key,
                subject=org.bo.id,
                usage=Usage(MODEL, ONE_CREDIT * 38),
                card=card,
            )
        said = "You have used 75 % of your weekly allowance: 76 of 100 cr"
        await eventually(lambda: any(said in message for message in one.messages + other.messages))
        await asyncio.sleep(0.3)

        assert len([message for message in one.messages + other.messages if said in message]) == 1
