"""``teamcredits request``: asking for credits, and answering, in the name of a member."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Final

import typer

from core.cli.context import acting_as, as_operator, find_member, find_team, new_key
from core.cli.options import PLAIN, Amount, Json, Member, Org, Reason
from core.cli.output import day, print_json, show_rows
from core.services import requests
from core.services.ledger import Ledger
from core.services.requests import RequestView
from core.services.views import Actor, Answer

app: Final = typer.Typer(help="Ask colleagues for credits, and answer what they ask.", **PLAIN)
MAX_SHOWN: Final = 200

Request = Annotated[str, typer.Argument(metavar="REQUEST", help="The request's id.")]
By = Annotated[str, typer.Option("--by", metavar="MEMBER", help="Who does it, by id or name.")]
Act = Callable[[Ledger, Actor, str], Awaitable[Answer[RequestView]]]


@app.command()
def ask(
    member: Member,
    amount: Amount,
    *,
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="MEMBER", help="Whom to ask; may be repeated.")
    ] = None,
    reason: Reason = None,
    hours: Annotated[int, typer.Option("--hours", min=1, max=720, help="Then it lapses.")] = 72,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Ask for credits in a member's name; without --to their leads are asked, else the admins."""

    async def act(ledger: Ledger, operator: Actor) -> RequestView:
        asker = acting_as(operator, await find_member(ledger, operator, member))
        asked = [(await find_member(ledger, operator, each)).id for each in to or ()]
        key, lasts = new_key(ledger), timedelta(hours=hours)
        answer = await requests.ask(ledger, actor=asker, key=key, amount=amount, reason=reason, to=asked, lasts=lasts)
        return answer.item

    _show(as_operator(act, org=org), as_json=as_json)


@app.command("list")
def list_(
    member: Member,
    *,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that still wait.")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List what a member asked for, and what they are asked for, newest first."""

    async def act(ledger: Ledger, operator: Actor) -> tuple[RequestView, ...]:
        actor = acting_as(operator, await find_member(ledger, operator, member))
        return (await requests.list_requests(ledger, actor=actor, is_open=is_open, limit=MAX_SHOWN)).items

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
    else:
        show_rows(map(_row, found), nothing="There are no requests. See: teamcredits request ask --help")


@app.command()
def show(request: Request, *, org: Org = None, as_json: Json = False) -> None:
    """Show a request with everybody's part in it."""

    async def act(ledger: Ledger, operator: Actor) -> RequestView:
        return await requests.request(ledger, actor=operator, request_id=request)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def pledge(request: Request, amount: Amount, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Pledge an amount, in place of what the same member pledged before."""
    _act(
        lambda ledger, actor, key: requests.pledge(ledger, actor=actor, key=key, request_id=request, amount=amount),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def unpledge(request: Request, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Take a pledge back."""
    _act(
        lambda ledger, actor, key: requests.unpledge(ledger, actor=actor, key=key, request_id=request),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def accept(request: Request, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Take what is pledged so far, as the asker."""
    _act(
        lambda ledger, actor, key: requests.accept(ledger, actor=actor, key=key, request_id=request),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def decline(request: Request, *, by: By, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """Say no, as somebody who was asked."""
    _act(
        lambda ledger, actor, key: requests.decline(ledger, actor=actor, key=key, request_id=request, reason=reason),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def withdraw(request: Request, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Take a request back, as its asker."""
    _act(
        lambda ledger, actor, _: requests.withdraw(ledger, actor=actor, request_id=request),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def fill(
    request: Request,
    team: Annotated[str, typer.Argument(metavar="TEAM", help="Whose pool pays, by id or name.")],
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Pay the whole request out of a team's pool at once."""

    async def act(ledger: Ledger, operator: Actor) -> RequestView:
        pool, key = (await find_team(ledger, operator, team)).id, new_key(ledger)
        return (await requests.fill(ledger, actor=operator, key=key, request_id=request, pool=pool)).item

    _show(as_operator(act, org=org), as_json=as_json)


def _act(act: Act, by: str, org: str | None, *, as_json: bool) -> None:
    async def acting(ledger: Ledger, operator: Actor) -> RequestView:
        actor = acting_as(operator, await find_member(ledger, operator, by))
        return (await act(ledger, actor, new_key(ledger))).item

    _show(as_operator(acting, org=org), as_json=as_json)


def _show(request: RequestView, *, as_json: bool) -> None:
    if as_json:
        print_json(request)
        return
    show_rows([_row(request)], nothing="")
    parts = [(f"  {each.by.name}", f"{each.amount.shown()} cr", _said(each)) for each in request.pledges]
    show_rows(parts, nothing="")


def _said(part: requests.PledgeView) -> str:
    if part.gift_id is not None:
        return f"given: {part.gift_id}"
    return "declined" if part.has_declined else "pledged" if part.amount else "asked"


def _row(request: RequestView) -> tuple[str, ...]:
    amount = f"{request.pledged.shown()} of {request.amount.shown()} cr"
    return (
        request.id,
        request.by.name,
        amount,
        request.state.value,
        "until " + day(request.lapses_at),
        request.reason or "",
    )
