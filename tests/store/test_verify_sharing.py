"""verify recomputes requests with their gifts, and referrals with their rewards, and names what differs (L3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.ledger.credits import Credits
from core.services.sharing import referrals, requests
from core.services.wallet.verify import verify
from tests.support.sample_org import SampleOrg, furnish, open_sample_ledger, person


@pytest.fixture
async def org(database_url: str) -> Any:
    """Of three requests Al filled one, pledged to one and declined one; Cy came by him, and both were rewarded."""
    with open_sample_ledger(database_url) as (ledger, clock):
        org = await furnish(ledger, clock)
        await org.grant(org.al, "100")
        for key, amount in (("all of it", 5), ("a part", 9), ("nothing", 7)):
            number = await _asked(org, key, amount)
            if key == "nothing":
                await requests.decline(ledger, actor=org.al.actor, key=key, request_id=number, reason=None)
            else:
                await requests.pledge(ledger, actor=org.al.actor, key=key, request_id=number, amount=Credits.of(5))
        cy = await person(org, "Cy")
        await org.grant(cy, "60")
        code = await referrals.make_code(ledger, actor=org.al.actor)
        await referrals.use_code(ledger, actor=cy.actor, code=code)
        await org.grant(cy, "60")
        await org.use(cy, 60)
        clock.advance(timedelta(minutes=1))
        await referrals.reward_due(ledger)
        yield org


async def _asked(org: SampleOrg, key: str, amount: int) -> str:
    to = [org.al.id]
    asked = await requests.ask(org.ledger, actor=org.bo.actor, key=key, amount=Credits.of(amount), to=to)
    return asked.item.id


async def _found(org: SampleOrg, statement: str) -> list[str]:
    """Change the database behind the ledger's back and return what verify says of it."""
    changed = await org.ledger.write(lambda connection: connection.execute(text(statement)).rowcount)
    assert changed == 1
    return [f"{each.row} {each.problem}" for each in (await verify(org.ledger)).findings]


async def test_an_untouched_database_is_clean(org: SampleOrg) -> None:
    assert (await verify(org.ledger)).findings == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE credit_request SET given = 4000000 WHERE state = 'filled'",
            "filled with 4000000 micro-credits, but 5000000",
        ),
        (
            "UPDATE credit_request SET amount = 6000000, given = 6000000 WHERE state = 'filled'",
            "but 5000000 were given",
        ),
        ("UPDATE credit_request SET given = 1 WHERE state = 'declined'", "is declined with 1 micro-credits, but 0"),
        ("UPDATE credit_request SET asker_id = asker_id + 1 WHERE state = 'declined'", "asked by another person"),
        ("UPDATE credit_request SET request_id = 9 WHERE state = 'declined'", "was never booked"),
        ("UPDATE pledge SET amount = 4000000 WHERE gift_id IS NOT NULL", "did not become the gift"),
        ("UPDATE pledge SET gift_id = 5 WHERE gift_id IS NULL AND amount > 0", "did not become the gift"),
        ("UPDATE pledge SET member_id = member_id + 1 WHERE has_declined", "was never booked"),
        ("UPDATE referral SET rewarded_at = NULL", "is stored with another reward"),
        ("UPDATE referral SET rewarded_at = rewarded_at + 1", "is stored with another reward"),
        ("UPDATE referral SET created_at = created_at + 1", "was never booked"),
    ],
)
async def test_what_was_changed_is_named(org: SampleOrg, statement: str, said: str) -> None:
    found = await _found(org, statement)

    assert any(said in each for each in found), found
