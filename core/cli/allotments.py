"""``teamcredits allotment``: recurring monthly grants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, all_items, as_operator, find_recipient, new_key
from core.cli.options import PLAIN, Amount, Json, Key, MemberOrPool, Org, Reason, moment
from core.cli.options import amount as typed_amount
from core.cli.output import Columns, print_item, print_items
from core.ledger.credits import Credits
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.grants import allotments
from core.services.grants.allotments import AllotmentView

_COLUMNS: Columns[AllotmentView] = {
    "ID": lambda each: each.id,
    "TO": lambda each: each.to.name,
    "AMOUNT": lambda each: each.amount,
    "DAY": lambda each: each.day,
    "NEXT RUN": lambda each: "ended" if each.ended_at else each.next_at,
}

app: Final = typer.Typer(help="Manage monthly grants.", **PLAIN)

Allotment = Annotated[str, typer.Argument(metavar="ALLOTMENT", help="Allotment id")]
Lasts = Annotated[
    int, typer.Option("--lasts", metavar="MONTHS", help="Months until each lot expires; 1 means at the next run")
]
Giftable = Annotated[bool | None, typer.Option("--giftable/--not-giftable", help="Allow gifting the credits")]


@app.command()
def begin(  # noqa: PLR0913  (the properties of an allotment)
    to: MemberOrPool,
    amount: Amount,
    *,
    day: Annotated[int, typer.Option(help="Day of the month (midnight UTC); 31 means the last day")] = 1,
    lasts: Lasts = 1,
    giftable: Giftable = None,
    starts: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="Earliest date of the first run (default: now)"),
    ] = None,
    reason: Reason = None,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Start a monthly grant to a wallet or pool."""

    async def act(ledger: LedgerService, operator: Actor) -> AllotmentView:
        answer = await allotments.begin(
            ledger,
            actor=operator,
            key=new_key(ledger) if key is None else key,
            to=await find_recipient(ledger, operator, to),
            amount=amount,
            day=day,
            lasts_months=lasts,
            giftable=giftable,
            starts_at=starts,
            reason=reason,
        )
        return answer.item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List allotments and their next run."""

    async def act(ledger: LedgerService, operator: Actor) -> list[AllotmentView]:
        return await all_items(
            lambda cursor: allotments.list_allotments(ledger, actor=operator, limit=PAGE_SIZE, cursor=cursor)
        )

    empty = "There are no allotments yet. Create one with: teamcredits allotment begin TO AMOUNT"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def change(
    allotment: Allotment,
    *,
    amount: Annotated[
        Credits | None, typer.Option("--amount", parser=typed_amount, metavar="AMOUNT", help="New amount")
    ] = None,
    lasts: Annotated[
        int | None, typer.Option("--lasts", metavar="MONTHS", help="New number of months until each lot expires")
    ] = None,
    giftable: Giftable = None,
    reason: Reason = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Change an allotment, starting with its next run."""
    if (amount, lasts, giftable) == (None, None, None):
        raise typer.BadParameter("nothing to change; use --amount, --lasts or --giftable")

    async def act(ledger: LedgerService, operator: Actor) -> AllotmentView:
        answer = await allotments.change(
            ledger,
            actor=operator,
            key=new_key(ledger),
            allotment_id=allotment,
            amount=amount,
            lasts_months=lasts,
            giftable=giftable,
            reason=reason,
        )
        return answer.item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def end(allotment: Allotment, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """End an allotment. Credits it has already granted stay."""

    async def act(ledger: LedgerService, operator: Actor) -> AllotmentView:
        return (await allotments.end(ledger, actor=operator, allotment_id=allotment, reason=reason)).item

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)
