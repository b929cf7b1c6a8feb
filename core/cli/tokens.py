"""``teamcredits token``: API tokens and editor sign-ins. A secret is printed once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from core.cli.context import PAGE_SIZE, acting_as, as_operator, find_member
from core.cli.options import PLAIN, Json, Member, Org, moment
from core.cli.output import Columns, hint, print_items, print_json
from core.services.common.actors import Actor, Scope
from core.services.common.ledger_service import LedgerService
from core.services.people import devices, tokens
from core.services.people.devices import DeviceView
from core.services.people.tokens import TokenView

_COLUMNS: Columns[TokenView] = {
    "ID": lambda token: token.id,
    "LABEL": lambda token: token.label,
    "SCOPES": lambda token: " ".join(token.scopes),
    "EXPIRES": lambda token: token.expires_at or "never",
}

app: Final = typer.Typer(help="Manage API tokens and editor sign-ins.", **PLAIN)
OnBehalfOf = Annotated[
    str | None, typer.Option("--member", metavar="MEMBER", help="Member to sign in (default: the first admin)")
]


@app.command()
def issue(
    member: Member,
    *,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="Scope of the token; repeat for several (default: read and give)")
    ] = None,
    label: Annotated[str, typer.Option(help="Label that says what the token is for")] = "issued at the terminal",
    expires: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DATE", help="Expiry date (default: never)")
    ] = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Issue an API token. The secret is only shown once."""
    scopes = scope or [Scope.READ, Scope.GIVE]

    async def act(ledger: LedgerService, operator: Actor) -> tuple[str, str, str]:
        owner = await find_member(ledger, operator, member)
        secret, token_id = await tokens.issue_token(
            ledger, actor=operator, scopes=scopes, label=label, member_id=owner.id, expires_at=expires
        )
        return secret, token_id, owner.id

    secret, token_id, owner_id = as_operator(act, org=org)
    if as_json:
        print_json({"token": secret, "id": token_id, "member_id": owner_id, "scopes": sorted(set(scopes))})
    else:
        typer.echo(secret)
        hint(f"Created {token_id}. Save the token now; it won't be shown again.")


@app.command("list")
def list_(member: Member, *, org: Org = None, as_json: Json = False) -> None:
    """List a member's active tokens, newest first."""

    async def act(ledger: LedgerService, operator: Actor) -> list[TokenView]:
        owner = await find_member(ledger, operator, member)
        return list((await tokens.list_tokens(ledger, actor=operator, member_id=owner.id, limit=PAGE_SIZE)).items)

    empty = "This member has no tokens. Issue one with: teamcredits token issue MEMBER"
    print_items(as_operator(act, org=org), _COLUMNS, as_json=as_json, empty=empty)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Token id, like tok_2k7")], *, org: Org = None
) -> None:
    """Revoke a token. Its open connections end."""

    async def act(ledger: LedgerService, operator: Actor) -> None:
        await tokens.revoke_token(ledger, actor=operator, token_id=token)

    as_operator(act, org=org)
    typer.echo(f"{token} has been revoked.")


@app.command()
def approve(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Code shown by the editor, like WDJB-MJHT")],
    *,
    member: OnBehalfOf = None,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation")] = False,
    deny: Annotated[bool, typer.Option("--deny", help="Deny the sign-in instead")] = False,
    org: Org = None,
) -> None:
    """Approve an editor's sign-in by the code it shows."""
    approver, device = as_operator(lambda ledger, operator: _sign_in(ledger, operator, member, code), org=org)
    if not yes and not deny:
        scopes = " and ".join(device.scopes)
        typer.confirm(
            f"{device.device} at {device.place} wants to {scopes} as {approver}. Approve?", abort=True, err=True
        )

    async def act(ledger: LedgerService, operator: Actor) -> DeviceView:
        actor, _ = await _actor(ledger, operator, member)
        decide = devices.deny_device if deny else devices.approve_device
        return await decide(ledger, actor=actor, user_code=code)

    decided = as_operator(act, org=org)
    typer.echo(f"{decided.device}: {'sign-in denied' if deny else f'signed in as {approver}'}.")


async def _sign_in(ledger: LedgerService, operator: Actor, member: str | None, code: str) -> tuple[str, DeviceView]:
    """Return the name of the member to sign in, and the device that asks."""
    actor, name = await _actor(ledger, operator, member)
    return name, await devices.describe_device(ledger, actor=actor, user_code=code)


async def _actor(ledger: LedgerService, operator: Actor, member: str | None) -> tuple[Actor, str]:
    if member is None:
        return operator, "the admin"
    found = await find_member(ledger, operator, member)
    return acting_as(operator, found), found.name
