"""``teamcredits reset``: allowances start afresh, at once or when their owner wants it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import acting_as, as_operator, find_member, find_subject, new_key
from core.cli.options import EVERYBODY, PLAIN, Json, Member, Org, Reason, moment
from core.cli.output import day, print_json, show_rows
from core.services import resets
from core.services.ledger import Ledger
from core.services.resets import ResetOrderView, ResetView
from core.services.views import Actor

app: Final = typer.Typer(help="Allowances start afresh, at once or when their owner wants it.", **PLAIN)
MAX_SHOWN: Final = 200


@app.command()
def give(
    to: Annotated[str, typer.Argument(metavar="TO", help=f"A member or a team, by id or name, or {EVERYBODY}.")],
    *,
    bank: Annotated[bool, typer.Option("--bank", help="To be used later, instead of at once.")] = False,
    expires: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="Of a banked one; 30 days without.")
    ] = None,
    reason: Reason = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key again resets nobody more.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Reset a member, a team or everybody, or bank a reset for each."""

    async def act(ledger: Ledger, operator: Actor) -> ResetOrderView:
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
    what = f"banked until {day(order.expires_at)}" if order.is_banked else "reset"
    typer.echo(f"{order.id}: {order.done:,} {what}, {order.unchanged:,} had nothing to reset")


@app.command("list")
def list_(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """List a member's banked resets, newest first."""

    async def act(ledger: Ledger, operator: Actor) -> list[ResetView]:
        who = await find_member(ledger, operator, member)
        return list((await resets.list_resets(ledger, actor=operator, member_id=who.id, limit=MAX_SHOWN)).items)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
        return
    rows = [(each.id, each.state.value, f"until {day(each.expires_at)}") for each in found]
    show_rows(rows, nothing="No reset is banked. See: teamcredits reset give --help")


@app.command()
def orders(*, org: Org = None, as_json: Json = False) -> None:
    """List what was ordered, and how far it has come."""

    async def act(ledger: Ledger, operator: Actor) -> list[ResetOrderView]:
        return list((await resets.list_orders(ledger, actor=operator, limit=MAX_SHOWN)).items)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
        return
    rows = [
        (each.id, each.subject.name, f"{each.done:,} done", f"{each.unchanged:,} had nothing to reset", _end(each))
        for each in found
    ]
    show_rows(rows, nothing="No reset was ordered yet. See: teamcredits reset give --help")


@app.command()
def use(
    member: Member,
    reset: Annotated[str | None, typer.Argument(metavar="[RESET]", help="Its id; without, what expires first.")] = None,
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Use a member's banked reset, as they would."""

    async def act(ledger: Ledger, operator: Actor) -> ResetView:
        owner = acting_as(operator, await find_member(ledger, operator, member))
        number = (await resets.next_banked(ledger, actor=owner)).id if reset is None else reset
        return (await resets.use(ledger, actor=owner, reset_id=number)).item

    used = as_operator(act, org=org)
    if as_json:
        print_json(used)
    else:
        typer.echo(f"{used.id} is used; the windows of the allowance start afresh and reset when they would have")


def _end(order: ResetOrderView) -> str:
    return "under way" if order.finished_at is None else f"finished {day(order.finished_at)}"
