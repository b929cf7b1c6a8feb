"""``teamcredits referral``: codes, and who came by whom."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from core.cli.context import acting_as, as_operator, find_member
from core.cli.options import PLAIN, Json, Member, Org
from core.cli.output import day, print_json, show_rows
from core.services import referrals
from core.services.ledger import Ledger
from core.services.referrals import InvitedView, ReferralsView
from core.services.views import Actor

app: Final = typer.Typer(help="Who came by whom, and what both gain.", **PLAIN)


@app.command()
def code(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Print a member's code; it is made when first asked for."""

    async def act(ledger: Ledger, operator: Actor) -> str:
        actor = acting_as(operator, await find_member(ledger, operator, member))
        return await referrals.make_code(ledger, actor=actor)

    made = as_operator(act, org=org)
    if as_json:
        print_json({"code": made})
    else:
        typer.echo(made)


@app.command()
def use(
    member: Member,
    given: Annotated[str, typer.Argument(metavar="CODE", help="The code of who invited them.")],
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Say by whom a member came; both gain once the member is verified and has used credits."""

    async def act(ledger: Ledger, operator: Actor) -> ReferralsView:
        actor = acting_as(operator, await find_member(ledger, operator, member))
        return (await referrals.use_code(ledger, actor=actor, code=given)).item

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def show(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Show a member's code, by whom they came, and whom they invited."""

    async def act(ledger: Ledger, operator: Actor) -> ReferralsView:
        actor = acting_as(operator, await find_member(ledger, operator, member))
        return await referrals.referrals(ledger, actor=actor)

    _show(as_operator(act, org=org), as_json=as_json)


def _show(found: ReferralsView, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    came = "nobody" if found.invited_by is None else found.invited_by.name
    typer.echo(f"code {found.code or 'none yet'}, came by {came}")
    gain = f"{found.for_invited.shown()} cr for the invited, {found.for_inviter.shown()} cr for the inviter"
    typer.echo(f"{gain}, once {found.after_use_of.shown()} cr are used")
    rows = [(each.who.name, day(each.created_at), _rewarded(each)) for each in found.invited]
    show_rows(rows, nothing="nobody invited yet")


def _rewarded(each: InvitedView) -> str:
    return "not rewarded yet" if each.rewarded_at is None else f"rewarded {day(each.rewarded_at)}"
