"""``teamcredits allocate``, ``void`` and ``refund``: move credits out of a pool, revoke a grant, refund a charge."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.context import as_operator, find_member, find_recipient, new_key
from core.cli.options import Amount, Json, Key, Member, Org, Reason
from core.cli.options import amount as typed_amount
from core.cli.output import print_json
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services.common.actors import Actor
from core.services.common.ledger_service import LedgerService
from core.services.common.recipients import Recipient
from core.services.common.views import StatementLineView
from core.services.grants import grants, refunds, voids
from core.services.grants.refunds import RefundView
from core.services.grants.voids import VoidView

Part = Annotated[
    Credits | None,
    typer.Argument(parser=typed_amount, metavar="AMOUNT", help="Amount in credits (default: everything left)"),
]
RequiredReason = Annotated[str, typer.Option("--reason", help="Reason; recorded and shown to the people involved")]


def allocate(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="Team (id or name), or organization id")],
    member: Member,
    amount: Amount,
    *,
    reason: Reason = None,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Allocate credits from a pool to a member."""

    async def act(ledger: LedgerService, operator: Actor) -> StatementLineView:
        place = await find_recipient(ledger, operator, pool)
        who = await find_member(ledger, operator, member)
        if place.pool is None:
            raise Refused(Code.NOT_FOUND, f"{pool!r} is a member, not a pool. Name a team or an organization.")
        answer = await grants.allocate(
            ledger,
            actor=operator,
            key=new_key(ledger) if key is None else key,
            pool=place.pool,
            to=Recipient(member=who.id),
            amount=amount,
            reason=reason,
        )
        return answer.item

    line = as_operator(act, org=org)
    if as_json:
        print_json(line)
    else:
        typer.echo(f"Allocated {line.amount.shown()} cr from the pool to {member} ({line.transfer_id}).")


def void(
    lot: Annotated[str, typer.Argument(metavar="LOT", help="Lot id of the grant, like lot_2k7")],
    amount: Part = None,
    *,
    reason: RequiredReason,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Revoke the unused part of a grant."""

    async def act(ledger: LedgerService, operator: Actor) -> VoidView:
        once = new_key(ledger) if key is None else key
        return (await voids.void(ledger, actor=operator, key=once, lot_id=lot, reason=reason, amount=amount)).item

    done = as_operator(act, org=org)
    if as_json:
        print_json(done)
        return
    became = done.story.became
    parts = {"left": became.left, "held": became.held, "used": became.used, "given away": became.given}
    rest = ", ".join(f"{share.shown()} cr {name}" for name, share in parts.items())
    typer.echo(f"Revoked {done.amount.shown()} cr from {done.story.grant.to.name}. The rest: {rest}.")


def refund(
    charge: Annotated[str, typer.Argument(metavar="CHARGE", help="Transfer id of the charge, like tr_2k7")],
    amount: Part = None,
    *,
    reason: RequiredReason,
    key: Key = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Refund a charge to where it was paid from."""

    async def act(ledger: LedgerService, operator: Actor) -> RefundView:
        once = new_key(ledger) if key is None else key
        answer = await refunds.refund(
            ledger, actor=operator, key=once, transfer_id=charge, reason=reason, amount=amount
        )
        return answer.item

    done = as_operator(act, org=org)
    if as_json:
        print_json(done)
        return
    parts = {"to lots": done.lots, "to the allowance": done.allowance, "no longer owed": done.cancelled}
    how = ", ".join(f"{share.shown()} cr {name}" for name, share in parts.items() if share)
    typer.echo(f"Refunded {done.amount.shown()} cr to {done.charge.member.name}: {how}.")
