"""``teamcredits reset``: reset allowances, now or banked for later."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, as_operator, find_actor, find_member, find_subject, new_key
from core.cli.options import PLAIN, Anybody, Json, Key, Member, Org, Reason, moment
from core.cli.output import Columns, local_time, print_items, print_json
from core.services.allowances import resets
from core.services.allowances.resets import ResetOrderView, ResetView
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService

_COLUMNS: Columns[ResetView] = {
    "ID": lambda reset: reset.id,
    "STATE": lambda reset: reset.state.value,
    "EXPIRES": lambda reset: reset.expires_at,
}
_ORDER_COLUMNS: Columns[ResetOrderView] = {
    "ID": lambda order: order.id,
    "FOR": lambda order: order.subject.name,
    "DONE": lambda order: order.done,
    "NOTHING TO RESET": lambda order: order.unchanged,
    "FINISHED": lambda order: order.finished_at or "in progress",
}

app: Final = typer.Typer(help="Reset allowances, now or banked for later.", **PLAIN)


@app.command()
def give(
    to: Anybody,
    *,
    bank: Annotated[bool, typer.Option("--bank", help="Bank the reset for later instead of applying it now")] = False,
    expires: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="Expiry date of a banked reset (default: in 30 days)"),
    ] = None,
    reason: Reason = None,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Reset allowances, or bank a reset for later."""

    async def act(ledger: LedgerService, operator: Actor) -> ResetOrderView:
        answer = await resets.order(
            ledger,
            actor=operator,
            key=new_key(ledger) if key is None else key,
            subject=await find_subject(ledger, operator, to),
            banked=bank,
            expires_at=expires,
            reason=reason,
        )
        await resets.run_orders(ledger)
        return await resets.get_order(ledger, actor=operator, order_id=answer.item.id)

    order = as_operator(act, org=org)
    if as_json:
        print_json(order)
        return
    what = f"banked, expiring {local_time(order.expires_at)}" if order.is_banked else "reset"
    typer.echo(f"{order.id}: {order.done:,} {what}; {order.unchanged:,} had nothing to reset.")


@app.command("list")
def list_(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """List a member's banked resets, newest first."""

    async def act(ledger: LedgerService, operator: Actor) -> list[ResetView]:
        who = await find_member(ledger, operator, member)
        return list((await resets.list_resets(ledger, actor=operator, member_id=who.id, limit=PAGE_SIZE)).items)

    empty = "No resets are banked. Bank one with: teamcredits reset give TO --bank"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def orders(*, org: Org = None, as_json: Json = False) -> None:
    """List resets given by admins, and their progress."""

    async def act(ledger: LedgerService, operator: Actor) -> list[ResetOrderView]:
        return list((await resets.list_orders(ledger, actor=operator, limit=PAGE_SIZE)).items)

    empty = "No resets have been given yet. Give one with: teamcredits reset give TO"
    print_items(as_operator(act, org=org), _ORDER_COLUMNS, as_json=as_json, empty=empty)


@app.command()
def use(
    member: Member,
    reset: Annotated[
        str | None, typer.Argument(metavar="RESET", help="Reset id (default: the one that expires first)")
    ] = None,
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Use a banked reset on a member's behalf."""

    async def act(ledger: LedgerService, operator: Actor) -> ResetView:
        owner = await find_actor(ledger, operator, member)
        number = (await resets.next_banked(ledger, actor=owner)).id if reset is None else reset
        return (await resets.use(ledger, actor=owner, reset_id=number)).item

    used = as_operator(act, org=org)
    if as_json:
        print_json(used)
    else:
        typer.echo(f"Used {used.id}. The allowance is full again; its next resets stay as scheduled.")
