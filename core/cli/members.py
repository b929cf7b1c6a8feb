"""``teamcredits member``: who is in the organisation, and what they have."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

from core.cli.context import as_operator, find_member, find_team
from core.cli.options import PLAIN, Json, Member, Org, Reason, SlackIdentity, moment, slack_identity
from core.cli.output import print_json, show_rows
from core.cli.wallets import show_balance, show_statement
from core.ledger.ids import Prefix, parse_id
from core.services import balances, freezes, members, organisations
from core.services.ledger import Ledger
from core.services.views import Actor, Balance, MemberView, Page, Role, StatementLine

app: Final = typer.Typer(help="Who is in the organisation, and what they have.", **PLAIN)
MAX_SHOWN: Final = 200


class Kind(StrEnum):
    """What a member is."""

    PERSON = "person"  # gives and receives
    SERVICE = "service"  # uses credits, such as a build
    BOT = "bot"  # is known, and has nothing to give or receive


Joined = Annotated[
    datetime | None, typer.Option("--joined", parser=moment, metavar="DATE", help="Since when they are here.")
]


@app.command()
def add(  # noqa: PLR0913  (each is one fact of a new member)
    name: Annotated[str, typer.Argument(metavar="NAME", help="Their name, as colleagues see it.")],
    *,
    email: Annotated[str | None, typer.Option(help="Their e-mail address.")] = None,
    kind: Annotated[Kind, typer.Option(help="What they are.")] = Kind.PERSON,
    admin: Annotated[bool, typer.Option("--admin", help="They may grant, freeze and set policy.")] = False,
    verified: Annotated[bool, typer.Option("--verified", help="You vouch for who they are; giving needs it.")] = False,
    joined: Joined = None,
    slack: Annotated[
        SlackIdentity | None,
        typer.Option(parser=slack_identity, metavar="WORKSPACE:USER", help="Who they are in Slack."),
    ] = None,
    team: Annotated[str | None, typer.Option(help="A team they are in, by id or name.")] = None,
    lead: Annotated[bool, typer.Option("--lead", help="They lead that team.")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Add a member with an empty wallet."""
    if lead and team is None:
        raise typer.BadParameter("--lead needs --team")

    async def act(ledger: Ledger, operator: Actor) -> MemberView:
        place = None if team is None else await find_team(ledger, operator, team)
        added = await members.add_member(
            ledger,
            actor=operator,
            name=name,
            email=email,
            kind=kind.value,
            role=Role.ADMIN if admin else Role.MEMBER,
            verified=verified,
            joined_at=joined,
            slack=None if slack is None else (slack.team, slack.user),
        )
        if place is None:
            return added
        await organisations.add_to_team(ledger, actor=operator, team_id=place.id, member_id=added.id, is_lead=lead)
        return await members.member(ledger, actor=operator, member_id=added.id)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command("list")
def list_(
    query: Annotated[str | None, typer.Argument(metavar="[PART]", help="A part of the name.")] = None,
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List who is here, by name."""

    async def act(ledger: Ledger, operator: Actor) -> list[MemberView]:
        found: list[MemberView] = []
        cursor = None
        while True:
            page = await members.find_members(ledger, actor=operator, query=query, limit=MAX_SHOWN, cursor=cursor)
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return found

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
    else:
        show_rows(map(_row, found), nothing="Nobody is here yet. See: teamcredits member add --help")


@app.command()
def show(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Show what a member has."""

    async def act(ledger: Ledger, operator: Actor) -> Balance:
        found = await find_member(ledger, operator, member)
        return await balances.balance(ledger, actor=operator, member_id=found.id)

    balance = as_operator(act, org=org)
    if as_json:
        print_json(balance)
    else:
        show_balance(balance)


@app.command()
def statement(
    member: Member,
    *,
    limit: Annotated[int, typer.Option(min=1, max=MAX_SHOWN, help="How many lines.")] = 50,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show what moved a member's credits, and what they used, newest first."""

    async def act(ledger: Ledger, operator: Actor) -> Page[StatementLine]:
        found = await find_member(ledger, operator, member)
        return await balances.statement(ledger, actor=operator, member_id=found.id, limit=limit)

    lines = as_operator(act, org=org).items
    if as_json:
        print_json(lines)
    else:
        show_statement(lines)


@app.command()
def change(
    member: Member,
    *,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="Whether they are an admin.")] = None,
    verified: Annotated[
        bool | None, typer.Option("--verified/--not-verified", help="Whether you vouch for who they are.")
    ] = None,
    joined: Joined = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Change what is known of a member."""
    role = None if admin is None else Role.ADMIN if admin else Role.MEMBER
    if all(value is None for value in (name, role, verified, joined)):
        raise typer.BadParameter("say what changes: --name, --admin, --verified or --joined")

    async def act(ledger: Ledger, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        return await members.update_member(
            ledger, actor=operator, member_id=found.id, name=name, role=role, verified=verified, joined_at=joined
        )

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def freeze(member: Member, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """Freeze a wallet: its open gifts go back, its tokens end."""

    async def act(ledger: Ledger, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        return await freezes.freeze(ledger, actor=operator, member_id=found.id, reason=reason)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def unfreeze(
    member: Member,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept.")],
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Free a frozen wallet."""

    async def act(ledger: Ledger, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        return await freezes.unfreeze(ledger, actor=operator, member_id=found.id, reason=reason)

    _show(as_operator(act, org=org), as_json=as_json)


@app.command()
def leave(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """End a membership: open gifts from and to them go back."""

    async def act(ledger: Ledger, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        leaver = parse_id(Prefix.MEMBER, found.id)
        await members.leave(ledger, org_id=operator.org_id, actor_id=operator.member_id, member_id=leaver)
        return await members.member(ledger, actor=operator, member_id=found.id)

    _show(as_operator(act, org=org), as_json=as_json)


def _show(member: MemberView, *, as_json: bool) -> None:
    if as_json:
        print_json(member)
    else:
        show_rows([_row(member)], nothing="")


def _row(member: MemberView) -> tuple[str, ...]:
    states = {
        member.role.value: True,
        "verified": member.verified_at is not None,
        "frozen": member.frozen_at is not None,
        "has left": member.deactivated_at is not None,
    }
    kind = member.kind if member.kind != "person" else ""
    return member.id, member.name, kind, ", ".join(state for state, holds in states.items() if holds)
