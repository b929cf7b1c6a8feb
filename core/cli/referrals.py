"""``teamcredits referral``: referral codes and who referred whom."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_actor
from core.cli.options import PLAIN, Json, Member, Org
from core.cli.output import Columns, print_items, print_json
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.sharing import referrals
from core.services.sharing.referrals import InvitedView, ReferralsView

_COLUMNS: Columns[InvitedView] = {
    "NAME": lambda each: each.who.name,
    "JOINED": lambda each: each.created_at,
    "REWARDED": lambda each: each.rewarded_at or "not yet",
}

app: Final = typer.Typer(help="Manage referral codes and rewards.", **PLAIN)


@app.command()
def code(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Print a member's referral code, creating it if needed."""

    async def act(ledger: LedgerService, operator: Actor) -> str:
        actor = await find_actor(ledger, operator, member)
        return await referrals.make_code(ledger, actor=actor)

    made = as_operator(act, org=org)
    if as_json:
        print_json({"code": made})
    else:
        typer.echo(made)


@app.command()
def use(
    member: Member,
    given: Annotated[str, typer.Argument(metavar="CODE", help="Referral code of the member who referred them")],
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Redeem a referral code. Both members are rewarded once the new one is verified and has used credits."""

    async def act(ledger: LedgerService, operator: Actor) -> ReferralsView:
        actor = await find_actor(ledger, operator, member)
        return (await referrals.use_code(ledger, actor=actor, code=given)).item

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def show(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Show a member's code, who referred them, and whom they referred."""

    async def act(ledger: LedgerService, operator: Actor) -> ReferralsView:
        actor = await find_actor(ledger, operator, member)
        return await referrals.referrals(ledger, actor=actor)

    _show(as_operator(act, org=org), as_json=as_json)


def _show(found: ReferralsView, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    referrer = "nobody" if found.invited_by is None else found.invited_by.name
    typer.echo(f"code: {found.code or 'none yet'}, referred by: {referrer}")
    reward = f"{found.for_invited.shown()} cr for the new member, {found.for_inviter.shown()} cr for the referrer"
    typer.echo(f"reward: {reward}, once the new member has used {found.after_use_of.shown()} cr")
    print_items(found.invited, _COLUMNS, as_json=False, empty="no referrals yet")
