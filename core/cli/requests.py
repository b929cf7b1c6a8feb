"""``teamcredits request``: request credits and answer requests, on behalf of a member."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, as_operator, find_actor, find_member, find_team, new_key
from core.cli.options import PLAIN, Amount, Json, Member, Org, Reason
from core.cli.output import Columns, print_item, print_items, print_json
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.results import CommandResult
from core.services.sharing import requests
from core.services.sharing.requests import PledgeView, RequestView

app: Final = typer.Typer(help="Request credits and answer requests.", **PLAIN)

Request = Annotated[str, typer.Argument(metavar="REQUEST", help="Request id")]
By = Annotated[str, typer.Option("--by", metavar="MEMBER", help="Member to act as (id or name)")]
Act = Callable[[LedgerService, Actor, str], Awaitable[CommandResult[RequestView]]]


@app.command()
def ask(
    member: Member,
    amount: Amount,
    *,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to", metavar="MEMBER", help="Member to ask; repeat for several (default: team leads, else admins)"
        ),
    ] = None,
    reason: Reason = None,
    hours: Annotated[int, typer.Option("--hours", min=1, max=720, help="Hours until the request expires")] = 72,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Request credits on behalf of a member."""

    async def act(ledger: LedgerService, operator: Actor) -> RequestView:
        asker = await find_actor(ledger, operator, member)
        asked = [(await find_member(ledger, operator, each)).id for each in to or ()]
        key, lasts = new_key(ledger), timedelta(hours=hours)
        answer = await requests.ask(ledger, actor=asker, key=key, amount=amount, reason=reason, to=asked, lasts=lasts)
        return answer.item

    _show(as_operator(act, org=org), as_json=as_json)


@app.command("list")
def list_(
    member: Member,
    *,
    is_open: Annotated[bool, typer.Option("--open", help="List only open requests")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List requests from and to a member, newest first."""

    async def act(ledger: LedgerService, operator: Actor) -> tuple[RequestView, ...]:
        actor = await find_actor(ledger, operator, member)
        return (await requests.list_requests(ledger, actor=actor, is_open=is_open, limit=PAGE_SIZE)).items

    empty = "There are no requests. Create one with: teamcredits request ask MEMBER AMOUNT"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def show(request: Request, *, org: Org = None, as_json: Json = False) -> None:
    """Show a request and its pledges."""

    async def act(ledger: LedgerService, operator: Actor) -> RequestView:
        return await requests.request(ledger, actor=operator, request_id=request)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def pledge(request: Request, amount: Amount, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Pledge an amount, replacing the member's earlier pledge."""
    _act(
        lambda ledger, actor, key: requests.pledge(ledger, actor=actor, key=key, request_id=request, amount=amount),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def unpledge(request: Request, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Withdraw a pledge."""
    _act(
        lambda ledger, actor, key: requests.unpledge(ledger, actor=actor, key=key, request_id=request),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def accept(request: Request, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Accept what is pledged so far, as the requester."""
    _act(
        lambda ledger, actor, key: requests.accept(ledger, actor=actor, key=key, request_id=request),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def decline(request: Request, *, by: By, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """Decline a request, as a member who was asked."""
    _act(
        lambda ledger, actor, key: requests.decline(ledger, actor=actor, key=key, request_id=request, reason=reason),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def withdraw(request: Request, *, by: By, org: Org = None, as_json: Json = False) -> None:
    """Withdraw a request, as the requester."""
    _act(
        lambda ledger, actor, _: requests.withdraw(ledger, actor=actor, request_id=request),
        by,
        org,
        as_json=as_json,
    )


@app.command()
def fill(
    request: Request,
    team: Annotated[str, typer.Argument(metavar="TEAM", help="Team whose pool pays (id or name)")],
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Fill a request from a team's pool."""

    async def act(ledger: LedgerService, operator: Actor) -> RequestView:
        pool, key = (await find_team(ledger, operator, team)).id, new_key(ledger)
        return (await requests.fill(ledger, actor=operator, key=key, request_id=request, pool=pool)).item

    _show(as_operator(act, org=org), as_json=as_json)


def _act(act: Act, by: str, org: str | None, *, as_json: bool) -> None:
    async def acting(ledger: LedgerService, operator: Actor) -> RequestView:
        actor = await find_actor(ledger, operator, by)
        return (await act(ledger, actor, new_key(ledger))).item

    _show(as_operator(acting, org=org), as_json=as_json)


def _show(request: RequestView, *, as_json: bool) -> None:
    if as_json:
        print_json(request)
        return
    print_item(request, _COLUMNS, as_json=False)
    if request.pledges:
        typer.echo()
        print_items(request.pledges, _PLEDGE_COLUMNS, as_json=False, empty="")


def _pledge_state(pledge: PledgeView) -> str:
    if pledge.gift_id is not None:
        return f"given: {pledge.gift_id}"
    return "declined" if pledge.has_declined else "pledged" if pledge.amount else "asked"


_COLUMNS: Columns[RequestView] = {
    "ID": lambda request: request.id,
    "FROM": lambda request: request.by.name,
    "PLEDGED": lambda request: request.pledged,
    "REQUESTED": lambda request: request.amount,
    "STATE": lambda request: request.state.value,
    "EXPIRES": lambda request: request.lapses_at,
    "REASON": lambda request: request.reason,
}
_PLEDGE_COLUMNS: Columns[PledgeView] = {
    "MEMBER": lambda pledge: pledge.by.name,
    "AMOUNT": lambda pledge: pledge.amount,
    "STATE": _pledge_state,
}
