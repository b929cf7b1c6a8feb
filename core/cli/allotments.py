"""``teamcredits allotment``: credits that come every month."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_recipient, new_key
from core.cli.options import PLAIN, Amount, Json, Org, Reason, moment
from core.cli.options import amount as typed_amount
from core.cli.output import day as shown_day
from core.cli.output import print_json, show_rows
from core.ledger.credits import Credits
from core.services import allotments
from core.services.allotments import AllotmentView
from core.services.ledger import Ledger
from core.services.views import Actor

app: Final = typer.Typer(help="Credits that come every month.", **PLAIN)
MAX_SHOWN: Final = 200

Allotment = Annotated[str, typer.Argument(metavar="ALLOTMENT", help="The allotment's id.")]
Lasts = Annotated[int, typer.Option("--lasts", metavar="MONTHS", help="1: each lot lapses at the next run.")]
Giftable = Annotated[
    bool | None, typer.Option("--giftable/--not-giftable", help="Whether the credits may be given on.")
]


@app.command()
def begin(  # noqa: PLR0913  (what an allotment is made of)
    to: Annotated[str, typer.Argument(metavar="TO", help="A member, team or organisation, by id or name.")],
    amount: Amount,
    *,
    day: Annotated[int, typer.Option(help="Of the month, at midnight UTC; 31 is the last day of each month.")] = 1,
    lasts: Lasts = 1,
    giftable: Giftable = None,
    starts: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="The first run is then or later.")
    ] = None,
    reason: Reason = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key again begins no other.")] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Begin a monthly grant to a wallet or pool."""

    async def act(ledger: Ledger, operator: Actor) -> AllotmentView:
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

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command("list")
def list_(*, org: Org = None, as_json: Json = False) -> None:
    """List the allotments, with their next run."""

    async def act(ledger: Ledger, operator: Actor) -> list[AllotmentView]:
        found: list[AllotmentView] = []
        cursor = None
        while True:
            page = await allotments.list_allotments(ledger, actor=operator, limit=MAX_SHOWN, cursor=cursor)
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return found

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def change(
    allotment: Allotment,
    *,
    amount: Annotated[
        Credits | None, typer.Option("--amount", parser=typed_amount, metavar="AMOUNT", help="From the next run on.")
    ] = None,
    lasts: Annotated[int | None, typer.Option("--lasts", metavar="MONTHS", help="How long its lots last.")] = None,
    giftable: Giftable = None,
    reason: Reason = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Change what is granted from the next run on."""
    if (amount, lasts, giftable) == (None, None, None):
        raise typer.BadParameter("say what changes: --amount, --lasts or --giftable")

    async def act(ledger: Ledger, operator: Actor) -> AllotmentView:
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

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


@app.command()
def end(allotment: Allotment, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """End an allotment: what it has granted stays, and nothing follows."""

    async def act(ledger: Ledger, operator: Actor) -> AllotmentView:
        return (await allotments.end(ledger, actor=operator, allotment_id=allotment, reason=reason)).item

    _show([as_operator(act, org=org)], as_json=as_json, alone=True)


def _show(found: list[AllotmentView], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        print_json(found[0] if alone else found)
        return
    rows = [
        (each.id, each.to.name, f"{each.amount.shown()} cr", f"on day {each.day}", f"next {_next(each)}")
        for each in found
    ]
    show_rows(rows, nothing="There is no allotment yet. See: teamcredits allotment begin --help")


def _next(allotment: AllotmentView) -> str:
    return f"none, ended {shown_day(allotment.ended_at)}" if allotment.ended_at else shown_day(allotment.next_at)
