"""/credits referral: a code to pass on, and saying by whom one came."""

from __future__ import annotations

from core.services.sharing import referrals
from tests.support.slack_world import AL, BO, said_text, slack_world

CREDITS = "/credits"


async def test_a_code_is_shown_used_and_its_reward_told(database_url: str) -> None:
    async with slack_world(database_url) as world:
        shown = said_text(await world.types(AL, CREDITS, "referral"))
        code = await referrals.make_code(world.ledger, actor=await world.actor(AL))
        used = said_text(await world.types(BO, CREDITS, f"referral {code.upper()}"))
        before = said_text(await world.types(AL, CREDITS, "referral"))
        await world.uses(BO, "fifty", 50)
        await referrals.reward_due(world.ledger)
        after = said_text(await world.types(AL, CREDITS, "Referral"))

        assert f"`/credits referral {code}`" in shown
        assert "Al referred you." in used
        assert "100 cr for the new teammate, 100 cr for the referrer, once the new teammate has used 50 cr." in used
        assert "Bo: not rewarded yet" in before
        assert "Bo: rewarded" in after


async def test_a_code_of_nobody_ones_own_and_a_second_one_are_refused(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as world:
        code = await referrals.make_code(world.ledger, actor=await world.actor(AL))
        nobodys = said_text(await world.types(BO, CREDITS, "referral ref_no <b>"))
        own = said_text(await world.types(AL, CREDITS, f"referral {code}"))
        await world.types(BO, CREDITS, f"referral {code}")
        bos = await referrals.make_code(world.ledger, actor=await world.actor(BO))
        ring = said_text(await world.types(AL, CREDITS, f"referral {bos}"))

        assert "Code not found." in nobodys
        assert "That is your own code." in own
        assert "not in a ring" in ring
