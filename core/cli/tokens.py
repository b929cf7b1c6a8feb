"""``teamcredits token``: what opens the API and signs editors in. A secret is printed once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import acting_as, as_operator, find_member
from core.cli.options import PLAIN, Json, Member, Org, moment
from core.cli.output import day, hint, print_json, show_rows
from core.services import access, devices
from core.services.access import TokenView
from core.services.devices import DeviceView
from core.services.ledger import Ledger
from core.services.views import Actor, Scope

app: Final = typer.Typer(help="What opens the API and signs editors in.", **PLAIN)
MAX_SHOWN: Final = 200
ForWhom = Annotated[str | None, typer.Option("--member", metavar="MEMBER", help="For whom; without it, the admin.")]


@app.command()
def issue(
    member: Member,
    *,
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; repeat for several.")] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "issued at the terminal",
    expires: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="From when on it opens nothing.")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Issue a token, by default to read and give. The secret is printed this once."""
    scopes = scope or [Scope.READ, Scope.GIVE]

    async def act(ledger: Ledger, operator: Actor) -> tuple[str, str, str]:
        owner = await find_member(ledger, operator, member)
        secret, token_id = await access.issue_token(
            ledger, actor=operator, scopes=scopes, label=label, member_id=owner.id, expires_at=expires
        )
        return secret, token_id, owner.id

    secret, token_id, owner_id = as_operator(act, org=org)
    if as_json:
        print_json({"token": secret, "id": token_id, "member_id": owner_id, "scopes": sorted(set(scopes))})
    else:
        typer.echo(secret)
        hint(f"This is {token_id}; it is shown this once.")


@app.command("list")
def list_(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """List a member's live tokens, newest first."""

    async def act(ledger: Ledger, operator: Actor) -> list[TokenView]:
        owner = await find_member(ledger, operator, member)
        return list((await access.list_tokens(ledger, actor=operator, member_id=owner.id, limit=MAX_SHOWN)).items)

    found = as_operator(act, org=org)
    if as_json:
        print_json(found)
        return
    rows = [(each.id, each.label, " ".join(each.scopes), f"until {day(each.expires_at)}") for each in found]
    show_rows(rows, nothing="They have no token.")


@app.command()
def revoke(token: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Its id, tok_…")], *, org: Org = None) -> None:
    """Revoke a token; what it opened ends."""

    async def act(ledger: Ledger, operator: Actor) -> None:
        await access.revoke_token(ledger, actor=operator, token_id=token)

    as_operator(act, org=org)
    typer.echo(f"{token} opens nothing any more.")


@app.command()
def approve(
    code: Annotated[str, typer.Argument(metavar="CODE", help="What the editor shows, like WDJB-MJHT.")],
    *,
    member: ForWhom = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    deny: Annotated[bool, typer.Option("--deny", help="Send the editor away instead.")] = False,
    org: Org = None,
) -> None:
    """Let an editor that shows a code act for a member."""
    approver, device = as_operator(lambda ledger, operator: _asking(ledger, operator, member, code), org=org)
    if not yes and not deny:
        scopes = " and ".join(device.scopes)
        typer.confirm(
            f"{device.device} at {device.place} asks to {scopes} for {approver}. Approve?", abort=True, err=True
        )

    async def act(ledger: Ledger, operator: Actor) -> DeviceView:
        actor, _ = await _actor(ledger, operator, member)
        decide = devices.deny_device if deny else devices.approve_device
        return await decide(ledger, actor=actor, user_code=code)

    decided = as_operator(act, org=org)
    typer.echo(f"{decided.device} is {'sent away' if deny else f'signed in for {approver}'}.")


async def _asking(ledger: Ledger, operator: Actor, member: str | None, code: str) -> tuple[str, DeviceView]:
    """Return whose consent is asked for, and what asks."""
    actor, name = await _actor(ledger, operator, member)
    return name, await devices.describe_device(ledger, actor=actor, user_code=code)


async def _actor(ledger: Ledger, operator: Actor, member: str | None) -> tuple[Actor, str]:
    if member is None:
        return operator, "the admin"
    found = await find_member(ledger, operator, member)
    return acting_as(operator, found), found.name
