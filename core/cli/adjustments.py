"""``teamcredits allocate``, ``void`` and ``refund``: credits shared out of a pool, taken back, given back."""

from __future__ import annotations

from typing import Annotated

import typer

from core.cli.context import as_operator, find_member, find_recipient, new_key
from core.cli.options import Amount, Json, Member, Org, Reason
from core.cli.options import amount as typed_amount
from core.cli.output import print_json
from core.ledger.credits import Credits
from core.ledger.errors import Code, Refused
from core.services import grants, refunds, voids
from core.services.gifts import Recipient
from core.services.ledger import Ledger
from core.services.refunds import RefundView
from core.services.views import Actor, StatementLine
from core.services.voids import VoidView

Part = Annotated[
    Credits | None,
    typer.Argument(
        parser=typed_amount, metavar="[AMOUNT]", help="Credits, like 500 or 0.25; all that is left without."
    ),
]
Why = Annotated[str, typer.Option("--reason", help="Why; kept, and shown to who is concerned.")]
Once = Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key again does nothing more.")]


def allocate(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="A team or the organisation, by id or name.")],
    member: Member,
    amount: Amount,
    *,
    reason: Reason = None,
    key: Once = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Give credits of a pool to a member."""

    async def act(ledger: Ledger, operator: Actor) -> StatementLine:
        place = await find_recipient(ledger, operator, pool)
        who = await find_member(ledger, operator, member)
        if place.pool is None:
            raise Refused(Code.NOT_FOUND, f"{pool!r} is a person; name a team or the organisation.")
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
        typer.echo(f"{line.amount.shown()} cr of the pool went to {member} ({line.transfer_id})")


def void(
    lot: Annotated[str, typer.Argument(metavar="LOT", help="The lot that the grant made, like lot_2k7.")],
    amount: Part = None,
    *,
    reason: Why,
    key: Once = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Take back what is left of a grant where it was granted."""

    async def act(ledger: Ledger, operator: Actor) -> VoidView:
        once = new_key(ledger) if key is None else key
        return (await voids.void(ledger, actor=operator, key=once, lot_id=lot, reason=reason, amount=amount)).item

    taken = as_operator(act, org=org)
    if as_json:
        print_json(taken)
        return
    became = taken.story.became
    parts = {"left": became.left, "set aside": became.held, "used": became.used, "given away": became.given}
    rest = ", ".join(f"{share.shown()} cr {name}" for name, share in parts.items())
    typer.echo(f"took back {taken.amount.shown()} cr from {taken.story.grant.to.name}; of the rest {rest}")


def refund(
    charge: Annotated[str, typer.Argument(metavar="CHARGE", help="The transfer of a charge, like tr_2k7.")],
    amount: Part = None,
    *,
    reason: Why,
    key: Once = None,
    org: Org = None,
    as_json: Json = False,
) -> None:
    """Give a charge back to where it was paid from."""

    async def act(ledger: Ledger, operator: Actor) -> RefundView:
        once = new_key(ledger) if key is None else key
        answer = await refunds.refund(
            ledger, actor=operator, key=once, transfer_id=charge, reason=reason, amount=amount
        )
        return answer.item

    given = as_operator(act, org=org)
    if as_json:
        print_json(given)
        return
    parts = {"of lots": given.lots, "to the allowance": given.allowance, "no longer owed": given.cancelled}
    how = ", ".join(f"{share.shown()} cr {name}" for name, share in parts.items() if share)
    typer.echo(f"gave {given.amount.shown()} cr back to {given.charge.member.name}: {how}")
