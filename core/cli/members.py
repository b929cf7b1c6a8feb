"""``teamcredits member``: members, their balances and statements."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, all_items, as_operator, find_member, find_team
from core.cli.options import PLAIN, Json, Member, Org, Reason, SlackIdentity, moment, slack_identity
from core.cli.output import Columns, print_item, print_items, print_json
from core.cli.wallets import print_balance, print_statement
from core.ledger.ids import Prefix, parse_id
from core.services.common.actors import Actor, Role
from core.services.common.ledger_service import LedgerService
from core.services.common.results import Page
from core.services.common.views import BalanceView, MemberView, StatementLineView
from core.services.people import freezes, members, organizations
from core.services.wallet import balances

app: Final = typer.Typer(help="Manage members and show their balances.", **PLAIN)


class Kind(StrEnum):
    """The kind of a member."""

    PERSON = "person"  # can give and receive credits
    SERVICE = "service"  # spends credits, such as a build
    BOT = "bot"  # can neither give nor receive


Joined = Annotated[
    datetime | None,
    typer.Option("--joined", parser=moment, metavar="DATE", help="Date the member joined"),
]


@app.command()
def add(  # noqa: PLR0913  (the properties of a member)
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the member")],
    *,
    email: Annotated[str | None, typer.Option(help="Email address")] = None,
    kind: Annotated[Kind, typer.Option(help="Kind of member")] = Kind.PERSON,
    admin: Annotated[bool, typer.Option("--admin", help="Make the member an admin")] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="Mark the identity as verified (required to give)")
    ] = False,
    joined: Joined = None,
    slack: Annotated[
        SlackIdentity | None,
        typer.Option(parser=slack_identity, metavar="WORKSPACE:USER", help="Slack user"),
    ] = None,
    team: Annotated[str | None, typer.Option(help="Team to add the member to (id or name)")] = None,
    lead: Annotated[bool, typer.Option("--lead", help="Make the member a lead of the team")] = False,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Add a member with an empty wallet."""
    if lead and team is None:
        raise typer.BadParameter("--lead requires --team")

    async def act(ledger: LedgerService, operator: Actor) -> MemberView:
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
        await organizations.add_to_team(ledger, actor=operator, team_id=place.id, member_id=added.id, is_lead=lead)
        return await members.member(ledger, actor=operator, member_id=added.id)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command("list")
def list_(
    query: Annotated[str | None, typer.Argument(metavar="PART", help="Part of the name")] = None,
    *,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """List members by name."""

    async def act(ledger: LedgerService, operator: Actor) -> list[MemberView]:
        return await all_items(
            lambda cursor: members.find_members(ledger, actor=operator, query=query, limit=PAGE_SIZE, cursor=cursor)
        )

    empty = "No members found. Add one with: teamcredits member add NAME"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def show(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Show a member's balance."""

    async def act(ledger: LedgerService, operator: Actor) -> BalanceView:
        found = await find_member(ledger, operator, member)
        return await balances.balance(ledger, actor=operator, member_id=found.id)

    balance = as_operator(act, org=org)
    if as_json:
        print_json(balance)
    else:
        print_balance(balance)


@app.command()
def statement(
    member: Member,
    *,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_SIZE, help="Maximum number of entries")] = 50,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Show a member's transactions, newest first."""

    async def act(ledger: LedgerService, operator: Actor) -> Page[StatementLineView]:
        found = await find_member(ledger, operator, member)
        return await balances.statement(ledger, actor=operator, member_id=found.id, limit=limit)

    lines = as_operator(act, org=org).items
    if as_json:
        print_json(lines)
    else:
        print_statement(lines)


@app.command()
def change(
    member: Member,
    *,
    name: Annotated[str | None, typer.Option(help="New name")] = None,
    admin: Annotated[
        bool | None, typer.Option("--admin/--no-admin", help="Make the member an admin, or a regular member")
    ] = None,
    verified: Annotated[
        bool | None, typer.Option("--verified/--not-verified", help="Mark the identity as verified, or as not verified")
    ] = None,
    joined: Joined = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Change a member's name, role, verification or joining date."""
    role = None if admin is None else Role.ADMIN if admin else Role.MEMBER
    if all(value is None for value in (name, role, verified, joined)):
        raise typer.BadParameter("nothing to change; use --name, --admin, --verified or --joined")

    async def act(ledger: LedgerService, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        return await members.update_member(
            ledger, actor=operator, member_id=found.id, name=name, role=role, verified=verified, joined_at=joined
        )

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def freeze(member: Member, *, reason: Reason = None, org: Org = None, as_json: Json = False) -> None:
    """Freeze a wallet. Its pending gifts are returned and its tokens are revoked."""

    async def act(ledger: LedgerService, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        return await freezes.freeze(ledger, actor=operator, member_id=found.id, reason=reason)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def unfreeze(
    member: Member,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Reason; recorded")],
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Unfreeze a wallet."""

    async def act(ledger: LedgerService, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        return await freezes.unfreeze(ledger, actor=operator, member_id=found.id, reason=reason)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


@app.command()
def leave(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """Deactivate a member. Pending gifts from and to them are returned."""

    async def act(ledger: LedgerService, operator: Actor) -> MemberView:
        found = await find_member(ledger, operator, member)
        leaver = parse_id(Prefix.MEMBER, found.id)
        await members.leave(ledger, org_id=operator.org_id, actor_id=operator.member_id, member_id=leaver)
        return await members.member(ledger, actor=operator, member_id=found.id)

    print_item(as_operator(act, org=org), _COLUMNS, as_json=as_json)


def _status(member: MemberView) -> str:
    states = {
        member.role.value: True,
        "verified": member.verified_at is not None,
        "frozen": member.frozen_at is not None,
        "deactivated": member.deactivated_at is not None,
    }
    return ", ".join(state for state, holds in states.items() if holds)


_COLUMNS: Columns[MemberView] = {
    "ID": lambda member: member.id,
    "NAME": lambda member: member.name,
    "KIND": lambda member: member.kind,
    "STATUS": _status,
}
